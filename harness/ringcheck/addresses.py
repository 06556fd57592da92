"""Addresses that a user chose."""

import socket

from ringcheck.errors import MachineError, UsageError

MOST_SHOWN = 100
"""Characters of what is no address; more of it would hide the sentence."""


def check_free(address: str) -> None:
    """Say plainly that an address (host:port) is taken, before a node fails to bind it.

    Raises MachineError if it is, UsageError for what is no address.
    """
    host, _, port = address.rpartition(":")
    try:
        number = int(port)
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host.strip("[]"), number))
    except (ValueError, OverflowError):
        raise _none(address) from None
    except OSError as error:
        raise MachineError(
            f"The address {address} cannot be listened on ({error.strerror}); "
            "end what listens there or choose another one."
        ) from None


def check_address(address: str) -> None:
    """Raise UsageError unless it is host:port."""
    host, colon, port = address.rpartition(":")
    is_number = port.isascii() and port.isdigit() and len(port) <= 5  # nobody has to read thousands of digits
    if not (host.isprintable() and host and colon and is_number and 0 < int(port) < 65_536):
        raise _none(address)


def _none(address: str) -> UsageError:
    shown = address if len(address) <= MOST_SHOWN else f"{address[:MOST_SHOWN]}…"
    return UsageError(f"{shown!r} is no address; give host and port, as in 127.0.0.1:20100.")
