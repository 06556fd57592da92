"""Reaping: forgetting what is superseded, once nothing of it can come back.

A tombstone, and the part of any context that covers no live version, is there to keep old versions from coming back.
It is needed as long as a replica, a hint, a message under way or the copy of a disk may hold one of these. So a node
agrees to its end only when it has itself

    run, and been in touch with every member and every leaver that is not drained,
    held nothing of the key, or, as an owner, that very state, durably; and no hint of it,

for longer than the tombstone's lifetime. Copies of disks that are older are not brought back (Describe says so). What
was under way that long ago has arrived; a node that is away keeps everything where it is.

The first owner asks everybody, and when all have agreed has the owners do it. If not all of them do, one that has not
teaches the others again what they have forgotten, and it is reaped later. So all of it can fail at any moment, and
no more than work is lost. While it is under way owners differ in a way that they know, and that none of them repairs.

The rule is that of Riak's and Cassandra's grace periods with the doubt taken out: there a clock alone decides.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Final

from .conversation import Conversation
from .desk import Desk
from .encoding import encode_state
from .membership import Membership
from .merkle import leaf
from .messages import AnswerBody, Caller, Code, Leaf, NodeId, Reap, Reaped, Refusal
from .rest import is_spare, reaped
from .versions import State

MAX_KEYS: Final = 64
"""So many keys of one partition are asked about at a time."""
_LOOKED_AT: Final = 1024
"""So many keys are looked at in one round."""
_ROUNDS: Final = 8
"""So many rounds there are at least in the time that everything has to rest."""


class Reaping(Conversation):
    """One attempt to have some keys of one partition reaped, of which this node is the first owner."""

    def __init__(self, desk: Desk, membership: Membership, partition: int, leaves: tuple[Leaf, ...]) -> None:
        self._desk = desk
        self._membership = membership
        self._partition = partition
        self._leaves = leaves
        self._under = desk.standing.view.changes_digest
        self._kept: set[int] = set()
        self._asked: set[int] = set()
        self.began = desk.now
        self.succeeded = False
        """Whether everybody has agreed to all of it."""

    def start(self) -> None:
        """Ask everybody who may hold something, this node first."""
        desk, question = self._desk, Reap(self._partition, self._under, self._leaves)
        desk.wake(self, desk.now + desk.config.request_timeout)
        self._kept = set(disagreed(desk, self._partition, self._leaves))
        if len(self._kept) == len(self._leaves):
            self.close()
            return
        self._asked = {desk.ask(node, question, self) for node in self.asked()}
        self._proceed()

    def asked(self) -> list[NodeId]:
        """Who has to agree besides this node."""
        return concerned(self._desk)

    def on_answer(self, request: int, sender: NodeId, body: AnswerBody) -> None:
        """Go on with what everybody agrees to; whoever says anything else does not."""
        if not isinstance(body, Reaped) or not self._is_current() or not self._desk.standing.agrees(sender):
            self.close()
            return
        self._asked.remove(request)
        self._kept.update(body.kept)
        self._proceed()

    def on_failure(self, _request: int, _to: NodeId, _sent: bool) -> None:
        """Somebody is out of reach: everything stays where it is."""
        self.close()

    def on_time(self) -> None:
        """Do not wait for ever for an answer that got lost."""
        self.close()

    def _is_current(self) -> bool:
        return self._membership.is_steady() and self._desk.standing.view.changes_digest == self._under

    def _proceed(self) -> None:
        """Once everybody has answered have the owners do it, and do it."""
        if self._asked:
            return
        self.close()
        self.succeeded = not self._kept
        desk = self._desk
        leaves = tuple(each for place, each in enumerate(self._leaves) if place not in self._kept)
        if leaves:
            order = Reap(self._partition, self._under, leaves, agreed=True)
            for owner in desk.ring.owners_of(self._partition):
                if owner != desk.own:
                    desk.ask(owner, order)
            carry_out(desk, leaves)


class ReapingRound(Conversation):
    """Starts a Reaping for every partition that this node is the first owner of and that has something to reap."""

    lasts = True

    def __init__(self, desk: Desk, membership: Membership) -> None:
        self._desk = desk
        self._membership = membership
        self._running: dict[int, Reaping] = {}
        self._under = b""
        self._found = self._find()
        self.interval = min(desk.config.handoff_interval, desk.rest.needed / _ROUNDS)

    def on_time(self) -> None:
        """One round."""
        desk = self._desk
        changed = self._under != desk.standing.view.changes_digest
        if changed or not self.is_in_touch():
            self._under = desk.standing.view.changes_digest
            desk.rest.disturb(desk.now)
        for key in desk.rest.rested(desk.now, _LOOKED_AT):
            self._note(key)
        if desk.rest.is_enough(desk.now) and desk.replica.is_read:
            for key in islice(self._found, _LOOKED_AT):
                self._note(key)
            self._reap()
        desk.wake(self, desk.now + self.interval)

    def is_in_touch(self) -> bool:
        """Whether everybody answers, and nothing moves."""
        desk = self._desk
        return (
            self._membership.is_steady()
            and not desk.standing.differing
            and not desk.standing.unsettled()
            and all(node in desk.peers and desk.peers[node].heard for node in concerned(desk))
        )

    def _find(self) -> Iterator[bytes]:
        """The keys that were there at the start."""
        for partition in self._desk.replica.partitions():
            yield from self._desk.replica.tree(partition).walk()

    def _note(self, key: bytes) -> None:
        if is_spare(self._desk.replica.durable(key)):
            self._desk.rest.waiting[key] = None

    def _reap(self) -> None:
        """Look at some keys, in turn."""
        desk, waiting = self._desk, self._desk.rest.waiting
        # Who disagrees will go on doing so for a while.
        again = desk.now - desk.rest.needed / _ROUNDS
        self._running = {
            number: each
            for number, each in self._running.items()
            if not (each.closed and (each.succeeded or each.began <= again))
        }
        leaves: defaultdict[int, list[Leaf]] = defaultdict(list)
        for key in list(islice(waiting, _LOOKED_AT)):
            partition = desk.ring.partition(key)
            owners = desk.ring.owners_of(partition)
            del waiting[key]
            if desk.own in owners:
                waiting[key] = None
            wanted = desk.own == owners[0] and desk.rest.is_enough_for(key, desk.now)
            if wanted and partition not in self._running and len(leaves[partition]) < MAX_KEYS:
                leaves[partition].append(Leaf(key, leaf(key, encode_state(desk.replica.durable(key)))))
        for partition, some in leaves.items():
            if some:
                self._running[partition] = Reaping(desk, self._membership, partition, tuple(some))
                desk.begin(self._running[partition])


def concerned(desk: Desk) -> list[NodeId]:
    """Who else may hold something, sorted: members, and leavers that are not drained."""
    view = desk.standing.view
    return sorted(view.member_ids.union(view.draining) - {desk.own})


def answer(desk: Desk, caller: Caller, request: int, body: Reap, *, is_steady: bool) -> None:
    """Agree, as far as this node can; or do what everybody has agreed to."""
    if body.partition >= desk.config.partition_count:
        desk.answer(caller, request, Refusal(Code.INVALID_ARGUMENT, f"there is no partition {body.partition}"))
    elif not is_steady or body.changes_digest != desk.standing.view.changes_digest:
        desk.answer(caller, request, Refusal(Code.FAILED_PRECONDITION, f"{desk.own} has another view"))
    elif body.agreed:
        desk.answer(caller, request, Reaped(carry_out(desk, body.leaves)))
    else:
        desk.answer(caller, request, Reaped(disagreed(desk, body.partition, body.leaves)))


def disagreed(desk: Desk, partition: int, leaves: tuple[Leaf, ...]) -> tuple[int, ...]:
    """Which of these leaves this node wants to be kept, by place; the others part now."""
    kept = []
    for place, each in enumerate(leaves):
        if agrees(desk, partition, each):
            _part(desk, each)
            if desk.own not in desk.ring.owners_of(partition):
                desk.on_gone(each.key)  # It will not hear what becomes of it.
        else:
            kept.append(place)
    return tuple(kept)


def agrees(desk: Desk, partition: int, each: Leaf) -> bool:
    """Whether this node holds nothing but that state, and has not for as long as anything may come back."""
    placed = desk.standing.placement(partition)
    return (
        desk.ring.partition(each.key) == partition
        and placed.is_settled
        and len(placed.owners) == desk.config.n
        and desk.rest.is_enough_for(each.key, desk.now)
        and not desk.hints.holds(each.key)
        and (_holds(desk, each) if desk.own in placed.owners else _holds_nothing(desk, each.key))
    )


def carry_out(desk: Desk, leaves: tuple[Leaf, ...]) -> tuple[int, ...]:
    """Reap what is still the state that was agreed upon; which was not, by place."""
    kept = []
    for place, each in enumerate(leaves):
        state = desk.replica.durable(each.key)
        if not desk.rest.needed or not _holds(desk, each) or not is_spare(state):
            kept.append(place)
            continue
        _part(desk, each)
        rest = reaped(state)
        if rest:
            desk.put_replica(each.key, rest)
        else:
            desk.drop_replica(each.key, state)
    return tuple(kept)


def _part(desk: Desk, each: Leaf) -> None:
    """From now on other owners may hold what is left, and this one the whole; or the other way round."""
    state = desk.replica.durable(each.key)
    if state:
        rest = reaped(state)
        left = leaf(each.key, encode_state(rest)) if rest else None
        desk.rest.part(each.key, (each.hash, left), desk.now + desk.config.request_timeout)


def _holds(desk: Desk, each: Leaf) -> bool:
    state: State = desk.replica.durable(each.key)
    is_same = bool(state) and leaf(each.key, encode_state(state)) == each.hash
    return is_same and desk.replica.latest(each.key) == state


def _holds_nothing(desk: Desk, key: bytes) -> bool:
    return not desk.replica.durable(key) and not desk.replica.latest(key)
