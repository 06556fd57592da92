"""Addresses that a user chose."""

import socket

from ringcheck.errors import MachineError, UsageError


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
        raise UsageError(f"{address!r} is no address; give host and port, as in 127.0.0.1:20100.") from None
    except OSError as error:
        raise MachineError(
            f"The address {address} cannot be listened on ({error.strerror}); "
            "end what listens there or choose another one."
        ) from None


def check_address(address: str) -> None:
    """Raise UsageError unless it is host:port."""
    host, colon, port = address.rpartition(":")
    if not (host.isprintable() and host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise UsageError(f"{address!r} is no address; give host and port, as in 127.0.0.1:20100.")
