"""What this node believes of its peers. Wrong beliefs cost a hint or a detour, never data."""

from collections.abc import Iterable
from dataclasses import dataclass

from .messages import NodeId
from .ring import Ring


@dataclass(slots=True)
class Peer:
    """One other node, as seen from here."""

    trusted: bool = True
    """Not known to be out of reach; so is who has not been tried yet."""
    heard: bool = False
    """Has answered since it was last suspected."""
    incarnation: str | None = None
    """As its last Hello or Pong said."""
    protocol: int = 1
    """As its last Hello said."""
    reachable: tuple[NodeId, ...] = ()
    """Who had answered IT in time, by its last Pong."""
    late: bool = False
    """Its last Pong took longer than a replica may take: it can be reckoned with, but nobody should wait for it."""
    waiting_since: float | None = None
    """When the first request was sent that neither it nor any later one has been answered."""


class Peers(dict[NodeId, Peer]):
    """The other nodes to keep in touch with, by id, and who of them can be reckoned with."""

    def __init__(self, own: NodeId, nodes: Iterable[NodeId], ring: Ring) -> None:
        super().__init__((node, Peer()) for node in nodes)
        self._own = own
        self._ring = ring
        self._reachable: tuple[NodeId, ...] | None = ()
        self._gathered: int | None = None
        """How many machines these are, with this node's own; None = to be counted again."""

    def change(self, nodes: Iterable[NodeId], ring: Ring) -> list[NodeId]:
        """Keep in touch with these from now on; who is new is trusted. Gives those who are no peers any more."""
        self._ring = ring
        gone = sorted(self.keys() - set(nodes))
        for node in gone:
            del self[node]
        for node in nodes:
            self.setdefault(node, Peer())
        self._reachable = self._gathered = None
        return gone

    def trusts(self, node: NodeId) -> bool:
        """Whether a request to `node` is worth waiting for. A node trusts itself, and nobody who is no peer."""
        if node == self._own:
            return True
        peer = self.get(node)
        return peer is not None and peer.trusted

    def is_late(self, node: NodeId) -> bool:
        """Whether a peer answers, but takes its time. A node is not late to itself."""
        peer = self.get(node)
        return peer is not None and peer.late

    def asked(self, node: NodeId, now: float) -> None:
        """A request goes to `node`."""
        peer = self[node]
        if peer.waiting_since is None:
            peer.waiting_since = now

    def heard_from(self, node: NodeId) -> None:
        """An answer came. One answer clears all that waits: a single slow disk write is no silence."""
        peer = self[node]
        peer.waiting_since = None
        if not peer.heard:
            peer.trusted = peer.heard = True
            self._reachable = self._gathered = None

    def report(self, node: NodeId, incarnation: str, reachable: tuple[NodeId, ...], *, late: bool) -> None:
        """What the last Pong of `node` says, and whether it came late."""
        peer = self[node]
        peer.incarnation = incarnation
        peer.reachable = reachable
        if peer.late != late:
            peer.late = late
            self._reachable = self._gathered = None

    def suspect(self, node: NodeId) -> None:
        """A request could not be sent, was lost, or waited too long."""
        peer = self[node]
        peer.trusted = peer.heard = False
        peer.reachable = ()
        self._reachable = self._gathered = None

    def silent(self, now: float, timeout: float) -> list[NodeId]:
        """Who owes an answer for `timeout` seconds or longer."""
        return [
            node
            for node, peer in self.items()
            if peer.waiting_since is not None and peer.waiting_since + timeout <= now
        ]

    def waiting_since(self) -> float | None:
        """When the oldest unanswered request to a trusted peer was sent."""
        return min(
            (peer.waiting_since for peer in self.values() if peer.trusted and peer.waiting_since is not None),
            default=None,
        )

    def excuse(self, gap: float) -> None:
        """This node itself did not run for `gap` seconds; who answered then has not been heard yet."""
        for peer in self.values():
            if peer.waiting_since is not None:
                peer.waiting_since += gap

    def reachable(self) -> tuple[NodeId, ...]:
        """Who has answered this node lately and in time, sorted: what its Pong reports."""
        if self._reachable is None:
            self._reachable = tuple(sorted(node for node, peer in self.items() if peer.heard and not peer.late))
        return self._reachable

    def can_gather(self, node: NodeId, machines: int) -> bool:
        """Whether `node`, this one or a peer heard from, can reach so many machines in time, its own included."""
        if node == self._own:
            if self._gathered is None:
                self._gathered = self._machines((node, *self.reachable()))
            return self._gathered >= machines
        peer = self.get(node)
        if peer is None or not (peer.heard and peer.incarnation):
            return False
        return self._machines((node, *peer.reachable)) >= machines

    def _machines(self, nodes: Iterable[NodeId]) -> int:
        """On how many machines the members among these nodes are."""
        return len({self._ring.machine(node) for node in nodes if node in self._ring})
