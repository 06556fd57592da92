"""A view: what a node knows of the members, as a set of events.

Views are joined by union, which is commutative, associative and idempotent, and everything else follows from the set
alone. To keep it small, confirmations that are older than a list all of whose owners have confirmed are left away: such
a list needs nothing older to be understood. This happens after the union, and the same things are left away whatever
the order of unions.
"""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import NamedTuple, Self

from .config import Member, NodeId
from .events import CHANGES, ChangeKind, Event, OwnerList, confirmed, encode_event, joined

Confirmations = Mapping[OwnerList, frozenset[NodeId]]
"""Who has confirmed each list of one partition, in the order of the lists."""


class History(NamedTuple):
    """What became of the owners of one partition up to now."""

    old_owners: tuple[NodeId, ...]
    """Owners of the last list that was confirmed by all that were no old owners before."""
    last: OwnerList | None
    """That list; None for the one from the start."""
    later: Confirmations
    """The lists after it, none of which is confirmed by all that it takes."""


class Growth(NamedTuple):
    """How a view differs from the one before."""

    before: bytes
    """The digest of that one."""
    added: frozenset[Event]
    dropped: frozenset[Event]
    """Confirmations that what was added has made outdated."""

    @property
    def partitions(self) -> set[int]:
        """Those about which there is anything new."""
        return {event.partition for events in self[1:] for event in events if event.kind is ChangeKind.CONFIRMED}


class Machines(dict[NodeId, str]):
    """The physical machine of every id that ever joined; any other id is a machine of its own."""

    def __missing__(self, node: NodeId) -> str:
        return node


class View:
    """A set of events, without those that have become needless. Nobody changes it.

    A view that grows out of another one takes over all that the new events do not concern: there are N confirmations of
    each partition, and while partitions are taken over each batch of them makes another view.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        known = frozenset(events)
        self._confirmations = _confirmations(known)
        self.events = frozenset(event for event in known if self._is_needed(event))
        self._others = frozenset(event for event in self.events if event.kind is not ChangeKind.CONFIRMED)
        """Events of all other kinds, which are few."""
        self._rows = sorted(map(encode_event, self.events))
        self._growth: Growth | None = None

    @classmethod
    def of_members(cls, members: Iterable[Member]) -> Self:
        """The view of which these are members from the first."""
        return cls(map(joined, members))

    def union(self, events: Iterable[Event]) -> "View":
        """This view and these events; this very view if they are no news."""
        news = {event for event in events if event not in self.events}
        if not news:
            return self
        confirmations = dict(self._confirmations)
        outdated: set[Event] = set()
        for partition, confirmers in _by_list(news).items():
            for listed, known in confirmations.get(partition, {}).items():
                confirmers.setdefault(listed, set()).update(known)
            kept = confirmations[partition] = _without_outdated(confirmers)
            outdated.update(
                confirmed(node, partition, listed)
                for listed in confirmers.keys() - kept.keys()
                for node in confirmers[listed]
            )
        added = news - outdated
        if not added:
            return self
        return self._grown(Growth(self.digest, frozenset(added), self.events & outdated), confirmations)

    def _grown(self, growth: "Growth", confirmations: dict[int, Confirmations]) -> "View":
        view = View.__new__(View)
        view._confirmations = confirmations
        view.events = (self.events - growth.dropped) | growth.added
        view._others = self._others.union(event for event in growth.added if event.kind is not ChangeKind.CONFIRMED)
        rows = self._rows
        if growth.dropped:
            gone = set(map(encode_event, growth.dropped))
            rows = [row for row in rows if row not in gone]
        # Two runs that are sorted already are merged: it takes as many comparisons as there are rows.
        view._rows = sorted([*rows, *sorted(map(encode_event, growth.added))])
        view._growth = growth
        return view

    def growth(self, before: "View") -> "Growth":
        """What has come and gone since the view `before`, out of which this one has grown, perhaps at once."""
        if self._growth is not None and self._growth.before == before.digest:
            return self._growth
        return Growth(before.digest, self.events - before.events, before.events - self.events)

    def lacks(self, events: Iterable[Event]) -> tuple[Event, ...]:
        """What is known here and not among `events`, sorted."""
        return in_order(self.events.difference(events))

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The present members, by id. Of two joins of one id the one that is first in order counts."""
        gone = self.left | self.removed
        members = {
            event.member.id: event.member
            for event in reversed(in_order(self._of(ChangeKind.JOIN)))
            if event.member.id not in gone
        }
        return tuple(members[node] for node in sorted(members))

    @cached_property
    def member_ids(self) -> frozenset[NodeId]:
        """The ids of the present members."""
        return frozenset(member.id for member in self.members)

    @cached_property
    def joined(self) -> frozenset[NodeId]:
        """Every id that ever joined."""
        return self._ids(ChangeKind.JOIN)

    @cached_property
    def left(self) -> frozenset[NodeId]:
        """Every id that left, whatever became of it since."""
        return self._ids(ChangeKind.LEAVE)

    @cached_property
    def removed(self) -> frozenset[NodeId]:
        """Every id that was removed."""
        return self._ids(ChangeKind.REMOVE)

    @cached_property
    def drained(self) -> frozenset[NodeId]:
        """Every id that has said that it holds nothing any more."""
        return self._ids(ChangeKind.DRAINED)

    @cached_property
    def draining(self) -> tuple[NodeId, ...]:
        """Who left and is neither drained nor removed, sorted."""
        return tuple(sorted(self.left - self.drained - self.removed))

    @cached_property
    def machines(self) -> Machines:
        """The machine of every id that ever joined."""
        return Machines(
            (event.member.id, event.member.machine) for event in reversed(in_order(self._of(ChangeKind.JOIN)))
        )

    @cached_property
    def hosts(self) -> int:
        """How many physical machines the present members are on."""
        return len({member.machine for member in self.members})

    @cached_property
    def changes(self) -> int:
        """How many joins, leaves and removals there were."""
        return sum(event.kind in CHANGES for event in self._others)

    @cached_property
    def changes_digest(self) -> bytes:
        """32 bytes, equal exactly when joins, leaves and removals are."""
        return _digest(sorted(encode_event(event) for event in self._others if event.kind in CHANGES))

    @cached_property
    def digest(self) -> bytes:
        """32 bytes, equal exactly when views are."""
        return _digest(self._rows)

    def history(self, partition: int, first_owners: tuple[NodeId, ...]) -> History:
        """What became of the owners of a partition that `first_owners` had at the start.

        A list that all its owners have confirmed stands for itself. Any other one takes the place of the old owners as
        soon as all that were not among these have confirmed it.
        """
        old_owners, last = first_owners, None
        later: dict[OwnerList, frozenset[NodeId]] = {}
        for each, confirmers in self._confirmations.get(partition, {}).items():
            if confirmers.issuperset(each.owners) or confirmers.issuperset(set(each.owners).difference(old_owners)):
                old_owners, last, later = each.owners, each, {}
            else:
                later[each] = confirmers
        return History(old_owners, last, later)

    def confirmers(self, partition: int, owners: OwnerList) -> frozenset[NodeId]:
        """Who has confirmed this very list."""
        return self._confirmations.get(partition, {}).get(owners, frozenset())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, View) and self.events == other.events

    def __hash__(self) -> int:
        return hash(self.events)

    def _is_needed(self, event: Event) -> bool:
        return event.kind is not ChangeKind.CONFIRMED or _list_of(event) in self._confirmations[event.partition]

    def _of(self, kind: ChangeKind) -> list[Event]:
        return [event for event in self._others if event.kind is kind]

    def _ids(self, kind: ChangeKind) -> frozenset[NodeId]:
        return frozenset(event.member.id for event in self._of(kind))


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """Sorted by their bytes."""
    return tuple(sorted(events, key=encode_event))


def _digest(rows: Iterable[bytes]) -> bytes:
    """Each after its length; nearly all have one of a few."""
    lengths = _Lengths()
    return hashlib.sha256(b"".join([part for row in rows for part in (lengths[len(row)], row)])).digest()


class _Lengths(dict[int, bytes]):
    """Numbers as four bytes, big-endian."""

    def __missing__(self, length: int) -> bytes:
        self[length] = data = length.to_bytes(4, "big")
        return data


def _confirmations(events: Iterable[Event]) -> dict[int, Confirmations]:
    """Who has confirmed what, of every partition that was ever confirmed; the outdated lists are left away."""
    return {partition: _without_outdated(lists) for partition, lists in _by_list(events).items()}


def _by_list(events: Iterable[Event]) -> dict[int, dict[OwnerList, set[NodeId]]]:
    """Who confirms what, of every partition that is confirmed."""
    found: dict[int, dict[OwnerList, set[NodeId]]] = {}
    for event in events:
        if event.kind is ChangeKind.CONFIRMED:
            found.setdefault(event.partition, {}).setdefault(_list_of(event), set()).add(event.member.id)
    return found


def _list_of(event: Event) -> OwnerList:
    return OwnerList(event.changes, event.changes_digest, event.owners)


def _without_outdated(lists: Mapping[OwnerList, set[NodeId]]) -> Confirmations:
    since = _whole_since(lists)
    return {owners: frozenset(lists[owners]) for owners in sorted(lists) if owners.changes >= since}


def _whole_since(lists: Mapping[OwnerList, set[NodeId]]) -> int:
    """The changes of the last list that all its owners have confirmed."""
    return max((owners.changes for owners, confirmers in lists.items() if confirmers >= set(owners.owners)), default=0)
