"""Leases on TCP ports, so that runs which share a machine never fight over one.

A lease is an abstract Unix socket named after the port. The kernel lets one process at a time hold a name, takes it
back when its holder dies in whatever way, keeps nothing on disk, and scopes names as it scopes ports: by network
namespace. Asking the kernel for a free port and closing it again would leave a gap in which another run gets it.
"""

import errno
import os
import random
import socket
from types import TracebackType
from typing import Self

FIRST, LAST = 20_000, 31_999
"""The ports that are leased: below Linux's ephemeral range, so that no outgoing connection takes one."""

HOST = "127.0.0.1"


class NoPortsError(Exception):
    """The range has fewer free ports than were asked for."""


class PortLease:
    """Ports that are ours until `release`; they may be bound, closed and bound again in the meantime."""

    def __init__(self, holders: dict[int, socket.socket]) -> None:
        self._holders = holders
        self.ports = tuple(holders)

    def release(self) -> None:
        """Give the ports back. Releasing twice does nothing."""
        for holder in self._holders.values():
            holder.close()
        self._holders = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def lease(count: int) -> PortLease:
    """Lease `count` ports on which nobody listens; raises NoPortsError if so many cannot be had."""
    size = LAST - FIRST + 1
    # Runs start at different places, or each would first walk through all that the others hold.
    start = random.Random(os.urandom(8)).randrange(size)
    holders: dict[int, socket.socket] = {}
    try:
        for step in range(size):
            if len(holders) == count:
                break
            port = FIRST + (start + step) % size
            if holder := _hold(port):
                holders[port] = holder
        if len(holders) < count:
            message = (
                f"Only {len(holders)} of the ports {FIRST}-{LAST} are free and {count} are needed; "
                "end other runs or ask for fewer nodes."
            )
            raise NoPortsError(message)
    except BaseException:
        PortLease(holders).release()
        raise
    return PortLease(holders)


def _hold(port: int) -> socket.socket | None:
    """The socket that holds the lease on `port`, or None if the port is leased or listened on."""
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        holder.bind(f"\0ringcheck-port-{port}")
        _check_bindable(port)
    except OSError as error:
        holder.close()
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise  # this says nothing of the port
        return None
    return holder


def _check_bindable(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        # Servers set it too: a port in TIME_WAIT is free for them.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind((HOST, port))
