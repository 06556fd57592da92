"""The disk of one node: a sqlite3 database, written by a thread that groups what waits into one commit.

The loop's thread reads (synchronously, on a connection of its own) and never writes; the commit thread writes
and never reads. In WAL mode neither waits for the other. With synchronous=FULL a commit that returned is on
the disk, so one fsync is paid for all the writes that arrived during the one before it.
"""

import fcntl
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from ringcheck_reference.core.effects import DiskWrite, DropHint, PutHint, PutReplica

FORMAT: Final = 1
DATABASE_NAME: Final = "node.sqlite3"
_GROUP_LIMIT: Final = 1024
_SCHEMA: Final = (
    "CREATE TABLE replica (key BLOB PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID",
    """CREATE TABLE hint (target TEXT NOT NULL, key BLOB NOT NULL, state BLOB NOT NULL,
                         PRIMARY KEY (target, key)) WITHOUT ROWID""",
    f"PRAGMA user_version = {FORMAT}",
)

log = logging.getLogger(__name__)

Done = Callable[[str | None], None]
"""Called with None once the writes are durable, or with the reason why they are not."""

Announce = Callable[..., object]
"""Calls its first argument with the others, on the thread that reads: `loop.call_soon_threadsafe`."""


class StoreError(Exception):
    """The data directory holds something that this node cannot use."""


class ReplicaTable:
    """The durable states of the node's own replica, by key; read only."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, key: bytes) -> bytes | None:
        """The state bytes of `key`, or None."""
        row = self._connection.execute("SELECT state FROM replica WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every (key, state), by key."""
        yield from self._connection.execute("SELECT key, state FROM replica ORDER BY key")


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


class Store:
    """One node's durable data, below `directory`.

    Opens or creates the database and takes the directory for this process alone. Raises StoreError when another
    process has it, or when a newer version of this program, or none of ours, wrote what is there.
    """

    def __init__(self, directory: Path, announce: Announce) -> None:
        self._announce = announce
        self._lock = _take(directory)
        path = directory / DATABASE_NAME
        try:
            self._writing = _open(path)
            self._reading = sqlite3.connect(path, isolation_level=None)
            self._reading.execute("PRAGMA query_only = ON")
        except (sqlite3.Error, StoreError) as error:
            os.close(self._lock)
            if isinstance(error, StoreError):
                raise
            raise StoreError(
                f"Cannot open the database {path} ({error}); restore it or empty the directory."
            ) from error
        self.replica = ReplicaTable(self._reading)
        self.hints = HintTable(self._reading)
        self.commits = 0
        self._waiting: queue.SimpleQueue[tuple[Sequence[DiskWrite], Done] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._commit_until_closed, name="commit", daemon=True)
        self._thread.start()

    def persist(self, writes: Sequence[DiskWrite], done: Done) -> None:
        """Make `writes` durable, all or none, after all that was handed in before; then call `done`."""
        self._waiting.put((writes, done))

    def close(self) -> None:
        """Commit what waits, then close. Nothing is persisted afterwards."""
        self._waiting.put(None)
        self._thread.join()
        self._reading.close()
        self._writing.close()
        os.close(self._lock)

    def _commit_until_closed(self) -> None:
        closing = False
        while not closing:
            group = [self._waiting.get()]
            while len(group) < _GROUP_LIMIT and not self._waiting.empty():
                group.append(self._waiting.get())
            closing = None in group
            work = [entry for entry in group if entry is not None]
            if work:
                reason = self._commit([write for writes, _ in work for write in writes])
                self._announce(_call_all, [done for _, done in work], reason)

    def _commit(self, writes: Sequence[DiskWrite]) -> str | None:
        """Returns None, or why nothing of `writes` was kept."""
        try:
            self._writing.execute("BEGIN IMMEDIATE")
            for write in writes:
                self._write(write)
            self._writing.execute("COMMIT")
        except Exception as error:
            # Whatever it was, the core must hear of it: a write without an answer would wait for ever.
            log.exception("cannot write to the disk")
            self._roll_back()
            return f"the disk refused the write: {error}"
        self.commits += 1
        return None

    def _write(self, write: DiskWrite) -> None:
        match write:
            case PutReplica(key, state):
                self._writing.execute("INSERT OR REPLACE INTO replica VALUES (?, ?)", (key, state))
            case PutHint(target, key, state):
                self._writing.execute("INSERT OR REPLACE INTO hint VALUES (?, ?, ?)", (target, key, state))
            case DropHint(target, key, expected):
                # Compare and drop: what was merged into the hint meanwhile is not delivered yet.
                self._writing.execute(
                    "DELETE FROM hint WHERE target = ? AND key = ? AND state = ?", (target, key, expected)
                )

    def _roll_back(self) -> None:
        if self._writing.in_transaction:
            try:
                self._writing.execute("ROLLBACK")
            except sqlite3.Error as error:
                log.error("cannot roll back: %s", error)


def _call_all(callbacks: Sequence[Done], reason: str | None) -> None:
    for done in callbacks:
        done(reason)


def _take(directory: Path) -> int:
    """Lock the directory until the descriptor returned is closed, at the latest by the process's end."""
    try:
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(
            f"Cannot write to the data directory {directory}: {error.strerror}; allow it, or name another."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreError(
            f"The data directory {directory} is in use by another node; give each node one of its own."
        ) from None
    return descriptor


def _open(path: Path) -> sqlite3.Connection:
    """The writing connection, on a database of our format."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found > FORMAT:
            raise StoreError(
                f"The database {path} has format {found}, this program knows formats up to {FORMAT}; "
                "start it with the version that wrote it, or a later one."
            )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if found == 0:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute("COMMIT")
    except (sqlite3.Error, StoreError):
        connection.close()
        raise
    return connection
