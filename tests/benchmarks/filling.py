"""Data directories with many keys, written by the reference's own store."""

from pathlib import Path
from typing import Final

import click

from ringcheck_reference.core.effects import PutReplica
from ringcheck_reference.core.encoding import encode_state
from ringcheck_reference.core.versions import Context, Dot, State, Version
from ringcheck_reference.shell.store import Store

GROUP: Final = 1024


def key_of(number: int) -> bytes:
    """The key of a number."""
    return b"key %d" % number


def value_of(number: int, size: int) -> bytes:
    """The value that was filled in under a key; no two are the same."""
    return (b"%d " % number).ljust(size, b"v")


def fill(directory: Path, actor: bytes, keys: int, size: int) -> None:
    """Let a store hold so many keys, each written once by this actor; replicas that are filled alike are equal.

    An actor is a node's id and what it draws at its start, so that no node that starts on these is the same.
    """
    store = Store(directory, lambda call, *rest: call(*rest))
    failures: list[str] = []
    for start in range(0, keys, GROUP):
        writes = []
        for number in range(start, min(start + GROUP, keys)):
            dot = Dot(actor, number + 1)
            state = State.of([Version(dot, value_of(number, size))], Context.of(loose=[dot]))
            writes.append(PutReplica(key_of(number), encode_state(state)))
        store.persist(writes, lambda reason: failures.append(reason) if reason else None)
    store.close()
    if failures:
        raise click.ClickException(f"The store could not be filled: {failures[0]}")
