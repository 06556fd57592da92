"""Dropping copies that this node is not to keep: only when all N owners have said that they hold them.

Of a partition that this node does not own, its replica's keys; of any partition, hints whose target is no owner any
more. What an owner lacks is sent to it. A change of members, even one on its way to the disk, voids what was said.

Some copies of a partition are dealt with at a time, and some partitions. As long as that drops any, more follow at
once; otherwise it is tried again later, or in the next view in which nobody has anything to take over. Where there is
nothing to drop no copy is looked at, and where there is much, each once in a while: those that follow come next.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .conversation import Conversation, Patience
from .desk import Desk
from .encoding import encode_state
from .events import drained
from .hints import Hints
from .membership import Membership
from .merkle import leaf
from .messages import AnswerBody, Cause, Held, Holding, Leaf, NodeId, Replicate, Stored
from .overlay import K, Overlay
from .placement import Placement
from .retrying import Retrying
from .ring import Ring
from .versions import State

MAX_COPIES = 64
"""So many copies of one partition are dealt with at a time."""
MAX_PARTITIONS = 4
"""So many partitions are dealt with at a time."""
_LOOKED_AT = 1024
"""So many keys of one partition are looked at in one turn: most may be on their way from the disk already."""
_LOOKS_EVERY_S = 0.2
"""How often a node that leaves looks whether it is empty."""


@dataclass(slots=True)
class Copy:
    """What this node holds of a key: in its replica, or, with a target, as a hint."""

    key: bytes
    state: State
    target: NodeId | None = None
    lacking: set[NodeId] = field(default_factory=set)
    """The owners that have not said yet that they hold it."""


class Dropping(Conversation):
    """One attempt to drop some copies of one partition, all of whose owners have confirmed it.

    `done` is called, in the end, with the partition and whether any was dropped.
    """

    def __init__(
        self,
        desk: Desk,
        membership: Membership,
        placement: Placement,
        copies: list[Copy],
        done: Callable[[int, bool], None],
    ) -> None:
        self._desk = desk
        self._membership = membership
        self._placement = placement
        self._copies = copies
        self._under = desk.standing.view.changes_digest
        self._questions: dict[int, list[Copy]] = {}
        self._sent: dict[int, Copy] = {}
        self._own: dict[int, Copy] = {}
        self._patience = Patience(desk.now, desk.config.request_timeout)
        self._done = done
        self._has_dropped = False

    def start(self) -> None:
        """Ask all owners; this node itself, if it is one, makes sure that it holds what it has as a hint."""
        desk, owners = self._desk, self._placement.owners
        leaves = tuple(Leaf(copy.key, leaf(copy.key, encode_state(copy.state))) for copy in self._copies)
        desk.wake(self, self._patience.ends)
        for copy in self._copies:
            copy.lacking = set(owners)
            if desk.own in owners:
                self._own[desk.store_replica(copy.key, copy.state, self)] = copy
        for owner in owners:
            if owner != desk.own:
                question = Holding(self._placement.partition, self._under, leaves)
                self._questions[desk.ask(owner, question, self)] = self._copies

    def on_answer(self, request: int, sender: NodeId, body: AnswerBody) -> None:
        """Note who holds what; send what is lacking."""
        self._patience.renew(self._desk.now)
        if not self._counts(sender):
            self.close()
        elif isinstance(body, Held) and self._questions.pop(request, None) is not None:
            self._take(sender, set(body.missing))
        elif isinstance(body, Stored) and not body.provisional and request in self._sent:
            self._note(sender, self._sent.pop(request))
        else:
            self.close()

    def on_failure(self, _request: int, _to: NodeId, _sent: bool) -> None:
        """An owner is out of reach: everything stays where it is."""
        self.close()

    def on_persisted(self, token: int, *, durable: bool) -> None:
        """What was a hint is in the own replica."""
        copy = self._own.pop(token)
        if durable:
            self._note(self._desk.own, copy)
        else:
            self.close()

    def on_time(self) -> None:
        """Do not wait for ever for an answer that got lost."""
        if self._patience.is_over(self._desk.now):
            self.close()
        else:
            self._desk.wake(self, self._patience.ends)

    def close(self) -> None:
        """Tell once."""
        if not self.closed:
            super().close()
            self._done(self._placement.partition, self._has_dropped)

    def _counts(self, owner: NodeId) -> bool:
        """Whether what `owner` says counts: it has the same changes in force as this node had at the start, and has."""
        return self._is_current() and self._desk.standing.agrees(owner)

    def _is_current(self) -> bool:
        return self._membership.is_steady() and self._desk.standing.view.changes_digest == self._under

    def _take(self, owner: NodeId, missing: set[int]) -> None:
        for place, copy in enumerate(self._copies):
            if place in missing:
                self._desk.counters.transfers.add(len(copy.key) + len(encode_state(copy.state)))
                body = Replicate(copy.key, copy.state, cause=Cause.TRANSFER)
                self._sent[self._desk.ask(owner, body, self)] = copy
            else:
                self._note(owner, copy)

    def _note(self, owner: NodeId, copy: Copy) -> None:
        copy.lacking.discard(owner)
        if not copy.lacking:
            self._drop(copy)
        if not any(each.lacking for each in self._copies):
            self.close()

    def _drop(self, copy: Copy) -> None:
        if not self._is_current():
            self.close()
            return
        self._has_dropped = True
        if copy.target is None:
            self._desk.drop_replica(copy.key, copy.state)
        else:
            self._desk.drop_hint(copy.target, copy.key, copy.state)


class _Look(Conversation):
    """Calls once, when its time has come."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look

    def on_time(self) -> None:
        """That time."""
        self._look()


@dataclass(slots=True)
class _Walk:
    """On its way through the copies of one partition, as it is placed in one view."""

    placed: Placement
    copies: Iterator[Copy | None]


class DroppingRound(Conversation):
    """Starts a Dropping for every partition of which there are copies to drop, again and again.

    A node that has left says that it is drained once it holds nothing, and nobody may want anything of it.
    """

    lasts = True

    def __init__(self, desk: Desk, membership: Membership) -> None:
        self._desk = desk
        self._membership = membership
        self._running: set[int] = set()
        self._to_do: deque[int] = deque()
        self._astray: dict[int, list[NodeId]] = {}
        self._walks: dict[int, _Walk] = {}
        """By partition: what comes behind the copies that were dealt with last."""
        self._last = 0
        """The partition that was begun last: none is to wait for ever for others that fail again and again."""
        self._retrying = Retrying(desk, self._look)
        self._looks_at = -math.inf

    def on_time(self) -> None:
        """One round."""
        self._look()
        self._desk.wake(self, self._desk.now + self._desk.config.handoff_interval)

    def on_view(self) -> None:
        """As long as there is something to take over one view follows another, and each voids what was said."""
        self._retrying.renew()
        if not any(placed.to_take for placed in self._desk.standing.unsettled()):
            self._look()

    def _look(self) -> None:
        """See what there is to drop. A node that has nothing to drop does nothing."""
        if not self._desk.standing.is_removed and self._desk.replica.is_read:
            self._drop()
            self._look_whether_drained()

    def _drop(self) -> None:
        if not self._membership.is_steady():
            self._retrying.failed()
            return
        self._astray = astray(self._desk.hints, self._desk.ring)
        numbers = sorted({*self._desk.replica.partitions(), *self._astray})
        numbers = [number for number in numbers if number not in self._running]
        self._to_do = deque(sorted(numbers, key=lambda number: number <= self._last))
        self._go_on()

    def _go_on(self) -> None:
        while self._to_do and len(self._running) < MAX_PARTITIONS and self._membership.is_steady():
            number = self._to_do.popleft()
            placed = self._desk.standing.placement(number)
            if not self.may_drop(placed):
                continue
            if copies := self._next_copies(placed):
                self._last = number
                self._running.add(number)
                self._desk.begin(Dropping(self._desk, self._membership, placed, copies, self._ended))

    def _ended(self, partition: int, has_dropped: bool) -> None:
        self._running.discard(partition)
        if has_dropped:
            self._to_do.append(partition)
            self._retrying.renew()
        else:
            self._retrying.failed()
        self._go_on()

    def _look_whether_drained(self) -> None:
        """A node that leaves is to say so soon after its last copy is gone."""
        if self._desk.own not in self._desk.standing.view.draining:
            return
        if self._is_empty():
            self._membership.learn([drained(self._desk.own)])
        elif self._looks_at <= self._desk.now:
            self._looks_at = self._desk.now + _LOOKS_EVERY_S
            self._desk.wake(_Look(self._look_whether_drained), self._looks_at)

    def may_drop(self, placed: Placement) -> bool:
        """Whether copies of the partition may be dropped at all: N owners on N machines have confirmed it."""
        return placed.is_settled and len(placed.owners) == self._desk.config.n

    def _next_copies(self, placed: Placement) -> list[Copy]:
        """Those behind the last ones; once there are no more, the first again."""
        number = placed.partition
        walk = self._walks.pop(number, None)
        if walk is not None and walk.placed is placed:
            copies = self._take(walk)
            if copies or number in self._walks:
                return copies
        return self._take(_Walk(placed, self._copies(placed)))

    def _take(self, walk: _Walk) -> list[Copy]:
        """The next ones, as many as are admitted, of what can be looked at in one turn; the walk goes on from there."""
        most = self._desk.admitted(MAX_COPIES)
        copies = []
        for looked, copy in enumerate(walk.copies, start=1):
            if copy is not None:
                copies.append(copy)
            if len(copies) == most or looked == _LOOKED_AT:
                self._walks[walk.placed.partition] = walk
                break
        return copies

    def _copies(self, placed: Placement) -> Iterator[Copy | None]:
        """Each copy that this node is not to keep; None for one that is not settled, which has to wait."""
        desk, number = self._desk, placed.partition
        if desk.own not in placed.owners:
            for key in desk.replica.tree(number).walk():
                state = self._settled(desk.replica, key)
                yield Copy(key, state) if state else None
        for target in self._astray.get(number, ()):
            for key in desk.hints.keys_in(target, number):
                state = self._settled(desk.hints, (target, key))
                yield Copy(key, state, target) if state else None

    def _settled(self, overlay: Overlay[K], key: K) -> State:
        """What is durable, and with nothing newer on its way to the disk.

        A place of the disk that cannot be read must not keep all behind it here.
        """
        try:
            return overlay.settled(key)
        except Exception as error:
            self._desk.mistaken(error)
            return State.EMPTY

    def _is_empty(self) -> bool:
        desk = self._desk
        return (
            not desk.replica.partitions()
            and not desk.hints
            and not desk.writes_under_way()
            and not any(desk.own in placed.sources for placed in desk.standing.unsettled())
        )


def astray(hints: Hints, ring: Ring) -> dict[int, list[NodeId]]:
    """By partition, for whom hints of it are kept who is no owner, sorted."""
    found: dict[int, list[NodeId]] = {}
    for target in hints.targets():
        for partition in hints.partitions(target):
            if target not in ring.owners_of(partition):
                found.setdefault(partition, []).append(target)
    return found
