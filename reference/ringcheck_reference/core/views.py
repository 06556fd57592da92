"""What a node shows of itself: the answers to the Ring and Inspect services, as plain values."""

from dataclasses import dataclass

from .config import Member
from .messages import NodeId


@dataclass(frozen=True, slots=True)
class RingView:
    """The ring as this node sees it: `owners` holds, for each partition in order, its home nodes.

    `digest` is the view digest.
    """

    members: tuple[Member, ...]
    digest: bytes
    owners: tuple[tuple[NodeId, ...], ...]


@dataclass(frozen=True, slots=True)
class MembershipView:
    """What is under way because the members have changed."""

    unconfirmed: tuple[int, ...] = ()
    """Partitions of which this node is a new owner that has not confirmed yet."""
    draining: tuple[NodeId, ...] = ()
    """Who left and is neither drained nor removed."""
    moving: tuple[int, ...] = ()
    """Partitions that somebody is still to confirm, as this node knows."""


@dataclass(frozen=True, slots=True)
class LoadView:
    """How busy the node is."""

    in_flight: int
    """Requests of clients, and of peers for theirs, that it has taken on and not answered."""
    refused: int
    """Those that were too many, since start."""
    slices: int
    """How much background work it does beside them: 1 to 16."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How often, and how many bytes of keys, values and causal metadata moved."""

    count: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """The counters of StatusResponse since start."""

    reads: Tally
    writes: Tally
    forwarded_requests: Tally
    fallback_reads: Tally
    hints_stored: Tally
    hints_delivered: Tally
    hints_pending: Tally
    read_repairs: Tally
    anti_entropy_repairs: Tally
    transfers: Tally


@dataclass(frozen=True, slots=True)
class Entry:
    """One key: the values of its live siblings (none for a tombstone), and its canonical state bytes."""

    key: bytes
    values: tuple[bytes, ...]
    state: bytes


@dataclass(frozen=True, slots=True)
class HintEntry:
    """An entry kept for the home node `target`."""

    target: NodeId
    entry: Entry


@dataclass(frozen=True, slots=True)
class Scan:
    """One snapshot of a partition: the root and the entries that it is made of, by key."""

    root: bytes
    entries: tuple[Entry, ...]
