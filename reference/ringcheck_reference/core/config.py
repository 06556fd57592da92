"""What a core must know of its surroundings. Times are in seconds; the shell has checked every value."""

from dataclasses import dataclass
from typing import Final

MAX_IN_FLIGHT: Final = 512

MAX_NAME_BYTES: Final = 255
"""So long may ids and hosts of members be, in UTF-8: every event, view and message repeats them."""

NodeId = str
"""Id of a member."""


def is_too_long(name: str) -> bool:
    """Whether that is no id and no host, for its length alone."""
    return len(name.encode()) > MAX_NAME_BYTES


@dataclass(frozen=True, slots=True)
class Member:
    """One node of the ring; `weight` is its capacity (at least 1), `host` its physical machine."""

    id: NodeId
    weight: int = 1
    host: str = ""

    @property
    def machine(self) -> str:
        """The host; a member without a label is a machine of its own."""
        return self.host or self.id


@dataclass(frozen=True, slots=True)
class Limits:
    """Checked before any effect; beyond them clients get INVALID_ARGUMENT."""

    max_key_bytes: int = 1024
    max_value_bytes: int = 65536
    max_siblings: int = 100
    max_message_bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CoreConfig:
    """Who the node is, the ring at the start, quorums, intervals and time limits."""

    node_id: NodeId
    members: tuple[Member, ...]
    """Members from the first, the same at every node; one that joins later is not among them."""
    n: int = 3
    r: int = 2
    w: int = 2
    partition_count: int = 16
    gossip_interval: float = 0.2
    handoff_interval: float = 0.2
    anti_entropy_interval: float = 0.5
    replica_timeout: float = 0.25
    request_timeout: float = 2.0
    tombstone_lifetime: float = 0.0
    """How old a tombstone is at least when it is reaped; 0 = it never is."""
    limits: Limits = Limits()
    max_in_flight: int = MAX_IN_FLIGHT
    """Most requests of clients, and of peers for theirs, that the node has under way."""
    seeds: tuple[NodeId, ...] = ()
    """Whom to gossip with whatever the view says."""

    @property
    def answer_time(self) -> float:
        """How long a client's request may take in here; the rest of `request_timeout` is for its way back."""
        return 0.9 * self.request_timeout
