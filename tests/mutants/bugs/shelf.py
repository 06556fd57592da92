"""A place on the disk for what the honest reference does not keep there."""

from collections.abc import Iterator

from ringcheck_reference.core.desk import Desk
from ringcheck_reference.core.effects import Persist, PutHint
from ringcheck_reference.core.hints import HintRows, Hints
from ringcheck_reference.core.messages import NodeId

from .bug import replace


class Shelf:
    """Rows of the hints' table that are kept for no node, and that the node does not see when it looks at its hints."""

    def __init__(self, name: str) -> None:
        self.name = f"({name})"

        def note(hints: Hints, target: NodeId, key: bytes, size: int) -> None:
            if target != self.name:
                honest_note(hints, target, key, size)

        honest_note = replace(Hints, "_note", note)

    def keep(self, desk: Desk, key: bytes, data: bytes) -> None:
        """Persist a row; nobody hears of it."""
        token = desk._next_token
        desk._next_token += 1
        desk.effects.append(Persist(token, (PutHint(self.name, key, data),)))

    def kept(self, rows: HintRows) -> Iterator[tuple[bytes, bytes]]:
        """(key, data) of every row."""
        return ((key, data) for (target, key), data in rows.items() if target == self.name)
