"""Data directories with many keys or hints, written by the reference's own store."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final

import click

from ringcheck_reference.core.effects import DiskWrite, PutHint, PutReplica
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


def state_of(number: int, actor: bytes, size: int) -> bytes:
    """What a key holds that this actor has written once."""
    dot = Dot(actor, number + 1)
    return encode_state(State.of([Version(dot, value_of(number, size))], Context.of(loose=[dot])))


def fill(directory: Path, actor: bytes, keys: int, size: int) -> None:
    """Let a store hold so many keys, each written once by this actor; replicas that are filled alike are equal.

    An actor is a node's id and what it draws at its start, so that no node that starts on these is the same.
    """
    _write(directory, (PutReplica(key_of(number), state_of(number, actor, size)) for number in range(keys)))


def fill_hints(directory: Path, actor: bytes, target: str, numbers: Iterable[int], size: int) -> None:
    """Let a store keep hints of the keys of these numbers for `target`; of a key they are the same at every node."""
    _write(directory, (PutHint(target, key_of(number), state_of(number, actor, size)) for number in numbers))


def _write(directory: Path, writes: Iterable[DiskWrite]) -> None:
    store = Store(directory, lambda call, *rest: call(*rest))
    failures: list[str] = []
    waiting = iter(writes)
    while group := list(islice(waiting, GROUP)):
        store.persist(group, lambda reason: failures.append(reason) if reason else None)
    store.close()
    if failures:
        raise click.ClickException(f"The store could not be filled: {failures[0]}")
