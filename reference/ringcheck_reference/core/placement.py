"""Where one partition belongs while its owners change.

A key has N homes. In quiet times they are the owners. After a change of members each old owner stays a home until the
new owner that takes its place has confirmed that it has all that was promised; both are one slot, and count once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .config import NodeId
from .events import OwnerList
from .ring import Ring
from .view import History, View


@dataclass(frozen=True, slots=True)
class Placement:
    """The slots of a partition, in one view."""

    partition: int
    owners: tuple[NodeId, ...]
    """By the ring of the view, first owner first."""
    homes: tuple[NodeId, ...]
    """One for each slot: whose acknowledgement is the one needed."""
    stands_for: dict[NodeId, NodeId]
    """The home in whose slot each unconfirmed new owner is. Such a new owner is asked beside the home."""
    unconfirmed: frozenset[NodeId]
    """Owners that were none before and have not confirmed; those that are a slot of their own are homes for writes."""
    sources: tuple[NodeId, ...]
    """Who may hold what an owner lacks, and has not been removed: old owners, and who has confirmed since; sorted."""
    is_settled: bool
    """Whether the owners are those of the last list that was confirmed."""
    listed: OwnerList
    """The owners as a confirmation names them."""
    to_take: frozenset[NodeId]
    """Owners that have to take the partition over from its sources, and then to confirm."""
    to_agree: frozenset[NodeId]
    """Owners that have only to confirm, so that older confirmations need not be kept."""
    fallbacks: tuple[NodeId, ...]
    """The members that are in no slot, in the order in which they stand in."""

    def hint_target(self, home: NodeId) -> NodeId:
        """For whom a stand-in for `home` keeps what it is sent."""
        return next((newcomer for newcomer, stood_for in self.stands_for.items() if stood_for == home), home)


def placement(partition: int, view: View, ring: Ring, first_owners: tuple[NodeId, ...]) -> Placement:
    """Place a partition that `first_owners` had at the start."""
    owners = ring.owners_of(partition)
    history = view.history(partition, first_owners)
    is_settled = set(owners) == set(history.old_owners) and not history.later
    if is_settled:
        return _settled(partition, view, ring, history)
    listed = OwnerList(view.changes, view.changes_digest, owners)
    confirmed = view.confirmers(partition, listed)
    homes, stands_for = _slots(history.old_owners, owners, confirmed)
    unconfirmed = frozenset(owners).difference(history.old_owners, confirmed)
    # The owners are the old ones again, and somebody else has confirmed in between: whatever he has, all of them take.
    returned = set(owners) == set(history.old_owners)
    since = {node for confirmers in history.later.values() for node in confirmers}
    slotted = {*homes, *stands_for}
    return Placement(
        partition=partition,
        owners=owners,
        homes=homes,
        stands_for=stands_for,
        unconfirmed=unconfirmed,
        sources=tuple(sorted(since.union(history.old_owners) - view.removed)),
        is_settled=False,
        listed=listed,
        to_take=frozenset(owners) if returned else unconfirmed,
        to_agree=frozenset(),
        fallbacks=tuple(node for node in ring.preference_list_of(partition) if node not in slotted),
    )


def _settled(partition: int, view: View, ring: Ring, history: History) -> Placement:
    """Confirmed under these changes or earlier ones, or never changed."""
    owners = ring.owners_of(partition)
    listed = history.last or OwnerList(view.changes, view.changes_digest, owners)
    to_agree = frozenset(owners).difference(view.confirmers(partition, listed)) if history.last else frozenset()
    return Placement(
        partition=partition,
        owners=owners,
        homes=owners,
        stands_for={},
        unconfirmed=frozenset(),
        sources=owners,
        is_settled=True,
        listed=listed,
        to_take=frozenset(),
        to_agree=to_agree,
        fallbacks=ring.fallbacks_of(partition),
    )


def _slots(
    old_owners: Sequence[NodeId], owners: Sequence[NodeId], confirmed: frozenset[NodeId]
) -> tuple[tuple[NodeId, ...], dict[NodeId, NodeId]]:
    """The home of each slot, and the home that each unconfirmed newcomer stands for.

    Leavers and newcomers are paired in order. Newcomers beyond the leavers are homes of their own; leavers beyond the
    newcomers stay until all newcomers have confirmed.
    """
    newcomers = [node for node in owners if node not in old_owners]
    waiting = [*newcomers]
    homes: list[NodeId] = []
    stands_for: dict[NodeId, NodeId] = {}
    for old in old_owners:
        if old in owners:
            homes.append(old)
        elif waiting:
            newcomer = waiting.pop(0)
            if newcomer in confirmed:
                homes.append(newcomer)
            else:
                homes.append(old)
                stands_for[newcomer] = old
        elif not confirmed.issuperset(newcomers):
            homes.append(old)
    return (*homes, *waiting), stands_for
