"""The disk of one node: a sqlite3 database, written by a thread that groups what waits into one commit.

The loop's thread reads (synchronously, on a connection of its own); the commit thread writes and never reads. In WAL
mode neither waits for the other. With synchronous=FULL a commit that returned is on the disk, so one fsync is paid for
all the writes that arrived during the one before it.

To wake a thread and be woken by it takes nearly as long as a quick disk does, and a write that is alone has nobody to
share a commit with. So the loop's thread may commit that itself, as long as the disk is quick.
"""

import fcntl
import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ringcheck_reference.core.effects import DiskWrite, DropFact, DropHint, DropReplica, PutFact, PutHint, PutReplica
from ringcheck_reference.shell.logs import event
from ringcheck_reference.shell.schema import DATABASE_NAME, StoreError, open_to_read, open_to_write
from ringcheck_reference.shell.tables import FactTable, HintTable, ReplicaTable

_GROUP_LIMIT: Final = 1024
_STATEMENT_ROWS: Final = 64
"""No more rows in one statement than sqlite3 keeps such statements prepared."""
_QUICK_S: Final = 0.001
"""A commit that takes no longer does not hold the loop's thread up."""
_PAUSES: Final = 100
"""After a slow one the loop's thread leaves commits alone for so many times as long: what is slow holds it up for a
hundredth of the time at most, however slow it is."""

log = logging.getLogger(__name__)

Done = Callable[[str | None], None]
"""Called with None once the writes are durable, or with the reason why they are not."""

Writing = tuple[Sequence[DiskWrite], Done]
"""What `Store.persist` is given."""

Announce = Callable[..., object]
"""Calls its first argument with the others, on the thread that reads: `loop.call_soon_threadsafe`."""


class Store:
    """One node's durable data, below `directory`.

    Opens or creates the database and takes the directory for this process alone. Raises StoreError when another
    process has it, or when a newer version of this program, or none of ours, wrote what is there.
    """

    def __init__(self, directory: Path, announce: Announce, clock: Callable[[], float] = time.monotonic) -> None:
        self._announce = announce
        self._clock = clock
        self._lock = _take(directory)
        path = directory / DATABASE_NAME
        try:
            self._writing = open_to_write(path)
            self._reading = open_to_read(path)
        except (sqlite3.Error, StoreError) as error:
            os.close(self._lock)
            if isinstance(error, StoreError):
                raise
            raise StoreError(
                f"Cannot open the database {path} ({error}); restore it or empty the directory."
            ) from error
        self.replica = ReplicaTable(self._reading, lambda: open_to_read(path))
        self.hints = HintTable(self._reading)
        self.facts = FactTable(self._reading)
        self.commits = 0
        self._under_way = 0
        """Groups that the commit thread has been given, and has not reported yet."""
        self._not_before = 0.0
        self._waiting: queue.SimpleQueue[Sequence[Writing] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._commit_until_closed, name="commit", daemon=True)
        self._thread.start()

    def persist(self, writes: Sequence[DiskWrite], done: Done) -> None:
        """Make `writes` durable, all or none, after all that was handed in before; then call `done`."""
        self.persist_all(((writes, done),))

    def persist_all(self, group: Sequence[Writing]) -> None:
        """As `persist` for each of `group` in turn; cheaper, because the commit thread is woken but once."""
        self._under_way += 1
        self._waiting.put(group)

    def persist_at_once(self, group: Sequence[Writing]) -> None:
        """As `persist_all`, but on this thread if nothing else waits and the disk is quick: then all is done by now."""
        began = self._clock()
        if self._under_way or began < self._not_before:
            self.persist_all(group)
            return
        reason = self._commit([write for writes, _ in group for write in writes])
        took = self._clock() - began
        if took > _QUICK_S:
            self._not_before = began + _PAUSES * took
        self._report(group, reason)

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
            groups = [self._waiting.get()]
            while len(groups) < _GROUP_LIMIT and not self._waiting.empty():
                groups.append(self._waiting.get())
            closing = None in groups
            work = [writing for group in groups if group is not None for writing in group]
            if work:
                reason = self._commit([write for writes, _ in work for write in writes])
                self._announce(self._report_groups, len(groups), work, reason)

    def _commit(self, writes: Sequence[DiskWrite]) -> str | None:
        """Returns None, or why nothing of `writes` was kept."""
        try:
            puts = [write for write in writes if isinstance(write, PutReplica)]
            if 0 < len(puts) == len(writes) <= _STATEMENT_ROWS:
                self._put_replicas(puts)
            else:
                self._writing.execute("BEGIN IMMEDIATE")
                for write in writes:
                    self._write(write)
                self._writing.execute("COMMIT")
        except Exception as error:
            # Whatever it was, the core must hear of it: a write without an answer would wait for ever.
            log.exception("cannot write to the disk", extra=event("disk"))
            self._roll_back()
            return f"the disk refused the write: {error}"
        self.commits += 1
        return None

    def _put_replicas(self, puts: Sequence[PutReplica]) -> None:
        """The usual group in one statement, which is a transaction of its own.

        Around every statement this thread gives the interpreter up, and has to wait until it gets it back.
        """
        rows = ", ".join(["(?, ?)"] * len(puts))
        values = [part for put in puts for part in (put.key, put.state)]
        self._writing.execute(f"INSERT OR REPLACE INTO replica VALUES {rows}", values)

    def _write(self, write: DiskWrite) -> None:
        # What is dropped is compared: what was merged into it meanwhile has not been delivered or confirmed yet.
        execute = self._writing.execute
        match write:
            case PutReplica(key, state):
                execute("INSERT OR REPLACE INTO replica VALUES (?, ?)", (key, state))
            case PutHint(target, key, state):
                execute("INSERT OR REPLACE INTO hint VALUES (?, ?, ?)", (target, key, state))
            case PutFact(name, data):
                execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, data))
            case DropReplica(key, expected):
                execute("DELETE FROM replica WHERE key = ? AND state = ?", (key, expected))
            case DropHint(target, key, expected):
                execute("DELETE FROM hint WHERE target = ? AND key = ? AND state = ?", (target, key, expected))
            case DropFact(name):
                execute("DELETE FROM fact WHERE name = ?", (name,))

    def _report_groups(self, count: int, work: Sequence[Writing], reason: str | None) -> None:
        self._under_way -= count
        self._report(work, reason)

    def _report(self, work: Sequence[Writing], reason: str | None) -> None:
        """On the thread that reads: what was written is remembered before anybody hears of it."""
        if reason is None:
            recent = self.replica.recent
            for writes, _ in work:
                for write in writes:
                    if isinstance(write, PutReplica):
                        recent.keep(write.key, write.state)
                    elif isinstance(write, DropReplica):
                        recent.forget(write.key)
        for _, done in work:
            done(reason)

    def _roll_back(self) -> None:
        if self._writing.in_transaction:
            try:
                self._writing.execute("ROLLBACK")
            except sqlite3.Error as error:
                log.error("cannot roll back: %s", error, extra=event("disk", error=error))


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
