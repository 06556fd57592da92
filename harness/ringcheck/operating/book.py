"""The address book that `ringcheck cluster` leaves beside it, so that other commands find its nodes.

The contract's ring names nodes and no addresses, since every node dials by a book of its own. So whoever looks at
a cluster from outside has to be told where its nodes listen; this file tells it.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from ringcheck.errors import UsageError

USUAL = Path("ringcheck-cluster.json")
FORMAT = 1


class Place(NamedTuple):
    """Where a node listens (host:port), and the id that it should have; empty if only its address is known."""

    address: str
    node: str = ""


class AddressBook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds: the address of every node by its id, members or not."""

    nodes: dict[str, str]
    ringcheck_cluster: int = FORMAT


def read_places(path: Path) -> tuple[Place, ...]:
    """The nodes that the book in `path` names. Raises UsageError if it is none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(
            f"There is no {path}, where a running `ringcheck cluster` says where its nodes are; call this in its "
            "folder, or name a node by --node HOST:PORT or the variable RINGCHECK_NODE."
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); name nodes by --node HOST:PORT.") from None
    if not data:
        raise UsageError(f"{path} is empty: its cluster is still starting, or has just ended; try again.")
    return tuple(Place(address, node) for node, address in _decode(data, path).nodes.items())


@contextlib.contextmanager
def keep_book(path: Path) -> Iterator["BookFile"]:
    """Hold `path` for one cluster; it is gone at the end.

    A book that a killed cluster left behind is taken over. Raises UsageError if the file is another running
    cluster's, is no address book, or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}); choose another one with --file.") from None
    try:
        _take(descriptor, path)
        try:
            yield BookFile(path, descriptor)
        finally:
            # While it is locked nobody else has taken it, so it is ours to remove.
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


class BookFile:
    """A book that this process holds."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def write(self, nodes: Mapping[str, str]) -> None:
        """Say where the nodes (id → host:port) are."""
        text = msgspec.json.format(msgspec.json.encode(AddressBook(dict(nodes)))) + b"\n"
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text, 0)


def _take(descriptor: int, path: Path) -> None:
    """Lock it, and look that nothing is lost by writing there."""
    try:
        # A lock goes with its process, however that ends; a process id in the file might be somebody else's by now.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"{path} is the address book of another running cluster; choose another --file.") from None
    with open(descriptor, "rb", closefd=False) as file:
        if data := file.read():
            _decode(data, path)
    os.ftruncate(descriptor, 0)


def _decode(data: bytes, path: Path) -> AddressBook:
    try:
        book = msgspec.json.decode(data, type=AddressBook)
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path} is no address book of a cluster ({error}); name another one by --file.") from None
    if book.ringcheck_cluster != FORMAT:
        raise UsageError(f"{path} was written by another version of ringcheck; name nodes by --node HOST:PORT.")
    return book
