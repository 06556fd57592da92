"""The database of a node: its tables, and how one that an earlier program wrote becomes one of ours."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

DATABASE_NAME: Final = "node.sqlite3"
_STEPS: Final[Sequence[Sequence[str]]] = (
    (
        "CREATE TABLE replica (key BLOB PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID",
        """CREATE TABLE hint (target TEXT NOT NULL, key BLOB NOT NULL, state BLOB NOT NULL,
                             PRIMARY KEY (target, key)) WITHOUT ROWID""",
    ),
    ("CREATE TABLE fact (name BLOB PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID",),
)
"""From each format to the next; an empty database has format 0."""
FORMAT: Final = len(_STEPS)


class StoreError(Exception):
    """The data directory holds something that this node cannot use."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is no sound database any more, which no repetition helps; a disk that is full or slow may."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def open_to_write(path: Path) -> sqlite3.Connection:
    """A connection for writing, from any thread, to a database of our format. Raises sqlite3.Error or StoreError."""
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
        if found < FORMAT:
            _bring_up(connection, found)
    except (sqlite3.Error, StoreError):
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _bring_up(connection: sqlite3.Connection, found: int) -> None:
    """To our format in one transaction: who dies in the middle of it leaves the database as it was."""
    connection.execute("BEGIN IMMEDIATE")
    for statements in _STEPS[found:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")
