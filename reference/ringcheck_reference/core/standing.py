"""Where this node stands: the view in force, the ring of it, and for which partitions its word counts."""

from collections.abc import Iterable

from .config import CoreConfig, NodeId
from .placement import Placement, placement
from .ring import Ring, ring_of
from .view import View


class Standing:
    """The durable view, and all that follows from it. `released` are the partitions that carry the durable mark."""

    def __init__(self, config: CoreConfig, view: View, released: Iterable[int]) -> None:
        self.own = config.node_id
        self._config = config
        self._first_owners = ring_of(config.members, config.n, config.partition_count).owners
        self._released = set(released)
        self._changes_of: dict[bytes, bytes] = {}
        self.differing: dict[NodeId, bytes] = {}
        """The last view digest of every node whose view is another one, as far as is known; empty = never heard of."""
        self._take(view)

    view: View
    ring: Ring

    def _take(self, view: View) -> None:
        config = self._config
        self.view = view
        self.ring = ring_of(view.members, config.n, config.partition_count)
        self._changes_of[view.digest] = view.changes_digest
        self._placements: dict[int, Placement] = {}
        self._counting: dict[int, bool] = {}
        self._unsettled: list[Placement] | None = None
        self.is_removed = self.own in view.removed
        self.is_member = self.own in view.member_ids
        self.has_left = self.own in view.left
        """It takes no hints any more, and what it is sent is a copy."""

    def adopt(self, view: View) -> None:
        """This view is durable. Who agreed with the one before is known to have that one."""
        before = self.view.digest
        self._take(view)
        self.differing = {node: self.differing.get(node, before) for node in self.peers()}

    def peers(self) -> tuple[NodeId, ...]:
        """Whom to keep in touch with, sorted: members, who is leaving, and seeds; a removed node, with nobody.

        A seed that is drained or removed is one no more.
        """
        view = self.view
        if self.is_removed:
            return ()
        seeds = set(self._config.seeds) - view.left - view.removed
        return tuple(sorted(seeds.union(view.member_ids, view.draining) - {self.own}))

    def stays(self, node: NodeId) -> bool:
        """Whether `node`, which may be this one, is not to be switched off: a member, or who is still leaving."""
        return node in self.view.member_ids or node in self.view.draining

    # Other nodes' views.

    def hear(self, node: NodeId, view_digest: bytes) -> None:
        """`node` has this view."""
        if view_digest == self.view.digest:
            self.differing.pop(node, None)
        else:
            self.differing[node] = view_digest

    def agrees(self, node: NodeId) -> bool:
        """Whether `node` is known to have the same joins, leaves and removals."""
        digest = self.differing.get(node)
        return digest is None or self.is_same(digest)

    def is_same(self, view_digest: bytes) -> bool:
        """Whether a view of that digest is known to hold the same joins, leaves and removals as the present one."""
        return self._changes_of.get(view_digest) == self.view.changes_digest

    # Partitions.

    def placement(self, partition: int) -> Placement:
        """Where a partition belongs."""
        placed = self._placements.get(partition)
        if placed is None:
            placed = placement(partition, self.view, self.ring, self._first_owners[partition])
            self._placements[partition] = placed
        return placed

    def unsettled(self) -> list[Placement]:
        """The partitions of which somebody is still to confirm something, or that this node is to take over."""
        if self._unsettled is None:
            self._unsettled = [
                placed
                for placed in map(self.placement, range(self._config.partition_count))
                if not placed.is_settled or placed.to_agree or self.takes(placed.partition)
            ]
        return self._unsettled

    def counts(self, partition: int) -> bool:
        """Whether this node is a home of the partition whose copies and replies count as such."""
        counting = self._counting.get(partition)
        if counting is None:
            placed = self.placement(partition)
            counting = (
                self.own in placed.homes and self.own not in placed.unconfirmed and partition not in self._released
            )
            self._counting[partition] = counting
        return counting

    def is_concerned(self, partition: int) -> bool:
        """Whether this node is an owner, or has what an owner may still have to take over."""
        placed = self.placement(partition)
        return self.own in placed.owners or self.own in placed.sources

    def has_released(self, partition: int) -> bool:
        """Whether the partition was released here, and is no business of this node's any more."""
        return partition in self._released and self.own not in self.ring.owners_of(partition)

    def takes(self, partition: int) -> bool:
        """Whether this node has to take the partition over. Who was an owner, released it, and is one again, has to."""
        placed = self.placement(partition)
        return self.own in placed.to_take or (partition in self._released and self.own in placed.owners)

    def set_released(self, partition: int, *, released: bool) -> None:
        """The mark is durable, or durably gone."""
        if released:
            self._released.add(partition)
        else:
            self._released.discard(partition)
        self._counting.pop(partition, None)
        self._unsettled = None
