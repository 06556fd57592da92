"""Bugs about members that come and go: 44, 69, H5, H6."""

from collections.abc import Callable, Iterable
from weakref import WeakKeyDictionary

from ringcheck_reference.core import serving
from ringcheck_reference.core.desk import Desk
from ringcheck_reference.core.dropping import Dropping, DroppingRound
from ringcheck_reference.core.events import ChangeKind, Event, removed
from ringcheck_reference.core.membership import Membership
from ringcheck_reference.core.messages import Cause, Held, Holding, Replicate, Stored
from ringcheck_reference.core.placement import Placement
from ringcheck_reference.core.standing import Standing
from ringcheck_reference.core.storing import Storing
from ringcheck_reference.core.view import View

from .bug import bug, replace

EXPIRES_AFTER_S = 0.5
"""How long a removal is remembered; Scylla and Cassandra wait three days."""


def owners_need_not_confirm() -> None:
    """A node drops what it does not own as soon as its own view says so."""

    def may_drop(drops: DroppingRound, placed: Placement) -> bool:
        return drops._desk.own not in placed.owners or placed.is_settled

    replace(DroppingRound, "may_drop", may_drop)


@bug("44", "all replicas of a key are lost in an expansion", "MEM-02")
def dropped_when_sent() -> None:
    """The sender deletes what it has sent to the new owners before they have confirmed it."""
    owners_need_not_confirm()

    def start(dropping: Dropping) -> None:
        desk = dropping._desk
        for copy in dropping._copies:
            for owner in dropping._placement.owners:
                if owner != desk.own:
                    desk.ask(owner, Replicate(copy.key, copy.state, cause=Cause.TRANSFER))
            dropping._drop(copy)
        dropping.close()

    replace(Dropping, "start", start)


@bug("H5", "a write through a node with an old view vanishes", "MEM-02")
def accepted_and_dropped() -> None:
    """A write for a partition that is not its own is accepted like any other, and then dropped."""

    def start(storing: Storing) -> None:
        desk, body = storing._desk, storing._body
        partition = desk.ring.partition(body.key)
        is_strange = desk.own not in desk.ring.owners_of(partition) and not desk.standing.counts(partition)
        if body.cause is Cause.WRITE and not body.hint_for and is_strange:
            storing._end(Stored(changed=True))
        else:
            honest_start(storing)

    honest_start = replace(Storing, "start", start)


@bug("H6", "the last copies vanish after a change", "MEM-02")
def any_view_will_do() -> None:
    """Whoever holds a copy confirms it, whatever his view and the asker's, and the asker drops its own on that."""

    def counts(_dropping: Dropping, _owner: str) -> bool:
        return True

    def may_drop(drops: DroppingRound, placed: Placement) -> bool:
        return len(placed.owners) == drops._desk.config.n

    def same(desk: Desk, view_digest: bytes) -> bool:
        return True

    def holding(desk: Desk, query: Holding) -> Held:
        tree = desk.replica.tree(query.partition)
        return Held(tuple(place for place, leaf in enumerate(query.leaves) if tree.leaf_of(leaf.key) != leaf.hash))

    serving._SERVE[Holding] = holding
    serving._same = same
    replace(Dropping, "_counts", counts)
    replace(Dropping, "_is_current", lambda _dropping: True)
    replace(DroppingRound, "may_drop", may_drop)


@bug("69", "a removed node comes back", "MEM-04")
def removals_expire() -> None:
    """A removal is forgotten after a while, and whoever has not heard of it tells of the member again."""
    heard: WeakKeyDictionary[Desk, dict[str, float]] = WeakKeyDictionary()

    def adopt(desk: Desk, view: View) -> None:
        for node in view.removed:
            heard.setdefault(desk, {}).setdefault(node, desk.now)
        honest_adopt(desk, view)

    def learn_from(membership: Membership, events: Iterable[Event], learnt: Callable[[bool], None]) -> None:
        desk, events = membership._desk, tuple(events)
        told = {event.member.id for event in events if event.kind is ChangeKind.JOIN}
        told -= {event.member.id for event in events if event.kind is ChangeKind.REMOVE}
        expired = {node for node, since in heard.get(desk, {}).items() if since + EXPIRES_AFTER_S <= desk.now}
        back = {removed(node) for node in sorted(told & expired)} & desk.standing.view.events
        if back and membership.is_steady():
            desk.adopt(View(desk.standing.view.events - back))
        honest_learn_from(membership, events, learnt)

    # Who tells only what is news does not tell of an old member: nodes that know of nothing shorter tell all.
    replace(Standing, "common", lambda _standing, _node: b"")
    honest_adopt = replace(Desk, "adopt", adopt)
    honest_learn_from = replace(Membership, "learn_from", learn_from)
