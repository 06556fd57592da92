"""Bugs about the identity of versions, which come twice: 1, H4."""

from typing import Any

from ringcheck_reference.core.node import Node
from ringcheck_reference.core.versions import Context, Dot
from ringcheck_reference.core.writing import Mint

from .bug import bug, replace
from .shelf import Shelf

NONCE_BYTES = 8
"""So many of an actor's last bytes are drawn at each start."""


@bug("1", "an acknowledged write disappears after read repair", "DUR-04")
def dots_come_again() -> None:
    """An actor is a node for ever, and the next dot follows from what its disk holds of the key."""

    def init(mint: Mint, actor: bytes) -> None:
        honest_init(mint, actor[:-NONCE_BYTES])

    def next_dot(mint: Mint, _key: bytes, seen: Context) -> Dot:
        return Dot(mint.actor, seen.highest(mint.actor) + 1)

    honest_init = replace(Mint, "__init__", init)
    replace(Mint, "next_dot", next_dot)


@bug("H4", "writes are lost after a roll-back", "DUR-04")
def epoch_on_the_disk() -> None:
    """An actor is a node and the number of its starts, which is kept on the disk."""
    epochs = Shelf("epoch")

    def init(node: Node, *given: Any) -> None:
        config, replica, hints, facts, actor, *rest = given
        started = len(hints.get(epochs.name, b"starts") or b"")
        honest_init(node, config, replica, hints, facts, actor[:-NONCE_BYTES] + b"#%d" % started, *rest)

    def init_named(node: Node, *given: object, **named: object) -> None:
        names = ("config", "replica", "hints", "facts", "actor", "incarnation", "seed")
        init(node, *[*given, *(named[name] for name in names[len(given) :])])

    def start(node: Node) -> None:
        honest_start(node)
        started = int(node._clients._mint.actor.rpartition(b"#")[2])
        epochs.keep(node._desk, b"starts", b"+" * (started + 1))

    honest_init = replace(Node, "__init__", init_named)
    honest_start = replace(Node, "_start", start)
