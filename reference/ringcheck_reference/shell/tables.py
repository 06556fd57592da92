"""What a node reads from its disk: the rows of its replica, of its hints, and the facts that it keeps of itself."""

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import closing
from typing import Final, Generic, TypeVar

_REMEMBERED: Final = 8192
"""How many rows of a table are kept in memory."""
_SMALL: Final = 2048
"""Only what has at most so many bytes is: some tens of megabytes in all, at worst."""

Row = TypeVar("Row", bound=Hashable)


class _Recent(Generic[Row]):
    """Rows that were read or written lately, and those that were found missing; a query costs fifty times as much."""

    def __init__(self) -> None:
        self._states: OrderedDict[Row, bytes | None] = OrderedDict()

    def find(self, row: Row) -> bytes | None:
        """What the row holds; raises KeyError if only the disk knows."""
        self._states.move_to_end(row)
        return self._states[row]

    def keep(self, row: Row, state: bytes | None) -> None:
        """This is what the row holds."""
        if state is not None and len(state) > _SMALL:
            self._states.pop(row, None)
            return
        self._states[row] = state
        self._states.move_to_end(row)
        if len(self._states) > _REMEMBERED:
            self._states.popitem(last=False)

    def forget(self, row: Row) -> None:
        """Who wants to know must ask the disk."""
        self._states.pop(row, None)


class ReplicaTable:
    """The durable states of the node's own replica, by key; read only.

    `recent` is to be told of every write that was reported durable, before anybody hears of the report.
    """

    def __init__(self, connection: sqlite3.Connection, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connection = connection
        self._connect = connect
        self.recent: _Recent[bytes] = _Recent()

    def get(self, key: bytes) -> bytes | None:
        """The state bytes of `key`, or None."""
        try:
            return self.recent.find(key)
        except KeyError:
            pass  # and read after it, so that what the disk may raise does not seem to come of this
        return self._read(key)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every (key, state), by key, as of the first.

        On a connection of its own: as long as this one goes on, a connection sees nothing that was written since.
        """
        with closing(self._connect()) as connection:
            yield from connection.execute("SELECT key, state FROM replica ORDER BY key")

    def _read(self, key: bytes) -> bytes | None:
        row = self._connection.execute("SELECT state FROM replica WHERE key = ?", (key,)).fetchone()
        state = None if row is None else row[0]
        self.recent.keep(key, state)
        return state


class HintTable:
    """The durable hints, by (target, key); read only."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, target: str, key: bytes) -> bytes | None:
        """The state bytes kept for `target`, or None."""
        query = "SELECT state FROM hint WHERE target = ? AND key = ?"
        row = self._connection.execute(query, (target, key)).fetchone()
        return None if row is None else row[0]

    def items(self) -> Iterator[tuple[tuple[str, bytes], bytes]]:
        """Every ((target, key), state), by target, then key."""
        for target, key, state in self._connection.execute("SELECT target, key, state FROM hint ORDER BY target, key"):
            yield (target, key), state


class FactTable:
    """What the node keeps of the membership, by name; read only, and once, at start."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every (name, data), by name."""
        yield from self._connection.execute("SELECT name, data FROM fact ORDER BY name")
