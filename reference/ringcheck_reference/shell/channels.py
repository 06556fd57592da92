"""How nodes dial and listen: gRPC options, and why each of them.

The argument names are those of gRPC's C core (include/grpc/impl/channel_arg_names.h).
"""

from collections.abc import Sequence
from typing import Final

Options = Sequence[tuple[str, str | int]]

_PENDING: Final = 100_000
"""So many calls may wait to be looked at, which is more than anybody makes."""
_BACKOFF: Final = (
    # A peer that comes back is met again within half a second; the defaults take seconds.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    # In spite of its name the time limit of one attempt to connect; it must exceed any delay that is no outage.
    ("grpc.min_reconnect_backoff_ms", 1000),
)
# Probes of the bandwidth are pings after many a read; messages here are small, and the streams' windows wide enough.
_WITHOUT_PROBES: Final = (("grpc.http2.bdp_probe", 0),)
_KEEPALIVE: Final = (
    ("grpc.keepalive_time_ms", 2000),
    ("grpc.keepalive_timeout_ms", 1000),
    # Without it a connection that goes nowhere is noticed only after a minute.
    ("grpc.http2.ping_timeout_ms", 1000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)


def _message_lengths(max_message_bytes: int) -> Options:
    # Merging may leave more siblings on a key than a client may put there. What was accepted once must be carried,
    # so gRPC's own limit lies well above the one that is declared to clients.
    carried = 4 * max_message_bytes
    return (("grpc.max_receive_message_length", carried), ("grpc.max_send_message_length", carried))


def dialling(max_message_bytes: int) -> Options:
    """Options of a channel to a peer."""
    return (
        *_BACKOFF,
        *_KEEPALIVE,
        *_WITHOUT_PROBES,
        # Else a new channel inherits the back-off of an old one to the same address.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
        # A retry that nobody asked for could carry out a forwarded write twice.
        ("grpc.enable_retries", 0),
        *_message_lengths(max_message_bytes),
    )


def listening(max_message_bytes: int) -> Options:
    """Options of the node's server."""
    return (
        # Else a second node on the same address would start, and share its calls by chance.
        ("grpc.so_reuseport", 0),
        # Peers ping often; a server must not take that for an attack.
        ("grpc.http2.min_ping_interval_without_data_ms", 1000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_ping_strikes", 0),
        # Calls that wait to be looked at. gRPC refuses some from 1000 on, with a bare CANCELLED; the node refuses what
        # is too much itself, and says why.
        ("grpc.server.max_pending_requests", _PENDING),
        ("grpc.server.max_pending_requests_hard_limit", _PENDING),
        *_WITHOUT_PROBES,
        *_message_lengths(max_message_bytes),
    )
