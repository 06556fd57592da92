"""Where this node stands: the view in force, the ring of it, and for which partitions its word counts."""

from collections.abc import Iterable

from .config import CoreConfig, NodeId
from .lineage import Lineage
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
        self.lineage = Lineage(view)
        self._common: dict[NodeId, bytes] = {}
        """The last view of every node that this node has had, too, as far as is known."""
        self._placements: dict[int, Placement] = {}
        self._counting: dict[int, bool] = {}
        self._open: set[int] | None = None
        """The partitions that are not settled; None = nobody has asked yet."""
        self._unsettled: list[Placement] | None = None
        self._take(view)

    view: View
    ring: Ring

    def _take(self, view: View) -> None:
        config = self._config
        self.view = view
        self.ring = ring_of(view.members, config.n, config.partition_count)
        self._changes_of[view.digest] = view.changes_digest
        self.is_removed = self.own in view.removed
        self.is_member = self.own in view.member_ids
        self.has_left = self.own in view.left
        """It takes no hints any more, and what it is sent is a copy."""

    def adopt(self, view: View) -> None:
        """This view is durable. Who agreed with the one before is known to have that one."""
        before, growth = self.view, view.growth(self.view)
        agreeing = [node for node in self.peers() if node not in self.differing]
        self._take(view)
        self.lineage.go_on(view, growth)
        self._common.update(dict.fromkeys(agreeing, before.digest))
        self.differing = {node: self.differing.get(node, before.digest) for node in self.peers()}
        if view.changes_digest == before.changes_digest:
            self._review(growth.partitions)
        else:
            self._forget_placements()

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
        if view_digest in self.lineage:
            self._common[node] = view_digest
        elif node not in self.differing:
            self._common[node] = self.view.digest
        if view_digest == self.view.digest:
            self.differing.pop(node, None)
        else:
            self.differing[node] = view_digest

    def common(self, node: NodeId) -> bytes:
        """The digest of a view that this node and `node` have had, as far as is known; empty = of none."""
        agrees = node not in self.differing
        digest = self._common.get(node, self.view.digest if agrees else b"")
        if agrees and digest:
            return self.view.digest
        return digest if digest in self.lineage else b""

    def doubt_common(self, node: NodeId) -> None:
        """`node` does not recall that view."""
        self._common[node] = b""

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
            if self._open is None:
                self._open = set(filter(self._is_open, range(self._config.partition_count)))
            self._unsettled = [self.placement(partition) for partition in sorted(self._open)]
        return self._unsettled

    def _is_open(self, partition: int) -> bool:
        placed = self.placement(partition)
        return not placed.is_settled or bool(placed.to_agree) or self.takes(partition)

    def _forget_placements(self) -> None:
        """They are other ones now, all of them."""
        self._placements.clear()
        self._counting.clear()
        self._open = self._unsettled = None

    def _review(self, partitions: Iterable[int]) -> None:
        """What is known of the owners of these has changed, and of no others."""
        for partition in partitions:
            self._placements.pop(partition, None)
            self._counting.pop(partition, None)
            if self._open is not None:
                if self._is_open(partition):
                    self._open.add(partition)
                else:
                    self._open.discard(partition)
        self._unsettled = None

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
        self._review((partition,))
