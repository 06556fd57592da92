"""Taking a partition over: a new owner copies it from the old ones, has them release it, and confirms.

    copy      what differs is fetched from everybody who may hold what an owner has to have, so that little is left
    release   once everybody within reach knows of the change, who is no owner any more durably marks the partition
              released; what differs by then is fetched too
    confirm   when all of that is durable here, this node publishes that it has it

Old owners are dealt with one after another: what one has told need not be read from the next. Every confirmation makes
a view that each node keeps, adopts and tells of, so those that are ready at nearly the same time go out together.

What differs is found by trees both times, so that no message grows with the partition, and what is here already costs
next to nothing. Whatever fails is left to the next attempt, which finds less to do. An old owner that is out of reach
is waited for.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

from .conversation import Conversation, Patience
from .copying import Copying, Relieving
from .desk import Desk
from .events import Event, confirmed
from .facts import drop_released, put_released
from .membership import Membership
from .messages import AnswerBody, Caller, Code, Leaf, NodeId, Refusal, Release, Released
from .placement import Placement
from .retrying import Retrying

MAX_TRANSFERS = 4
"""So many are under way at a time."""
_ENOUGH_PARTITIONS = 64
_MOST_TOGETHER = 16
"""Where there are more partitions than enough, each holds little, and so many times as many are taken over together,
up to this."""
_GATHERING_S = 0.1
_GATHERING_S_A_PARTITION = 1 / 8192
"""So long, at most, waits a confirmation for others, while partitions are being taken over. Each view has to be told,
kept, and hashed whole by every node, so there are fewer where there are many partitions."""
_LOOKS_A_SECOND = 20
"""How often is looked whether the others know of the change."""


def together(partition_count: int) -> int:
    """How many partitions of so many are taken over together, by one transfer."""
    return min(max(1, partition_count // _ENOUGH_PARTITIONS), _MOST_TOGETHER)


class Ways(NamedTuple):
    """From whom a partition is taken over. Those of which it is the same can be taken over together."""

    sources: tuple[NodeId, ...]
    parting: tuple[NodeId, ...]
    """Those of them that are to release it."""

    @classmethod
    def of(cls, placed: Placement) -> Self:
        """Those of one partition."""
        return cls(placed.sources, tuple([node for node in placed.sources if node not in placed.owners]))


class Transfer(Conversation):
    """One attempt to take some partitions over, all of them in the same ways.

    `done` is called with whether all of them are here, and can be confirmed.
    """

    def __init__(self, desk: Desk, partitions: Sequence[int], done: Callable[["Transfer", bool], None]) -> None:
        self.partitions = tuple(partitions)
        self._desk = desk
        self._done = done
        self._placements = tuple(map(desk.standing.placement, partitions))
        self._ways = Ways.of(self._placements[0])
        self._under = desk.standing.view.changes_digest
        self._patience = Patience(desk.now, desk.config.request_timeout)

    def start(self) -> None:
        """Copy from everybody."""
        self._run(Copying, [node for node in self._ways.sources if node != self._desk.own], self._await_others)

    @property
    def is_current(self) -> bool:
        """Whether the changes that it is about are still those in force, and nobody else has turned out to be a source.

        A confirmation of earlier changes may come after the later ones: then what it says is here has to be taken, too.
        """
        standing = self._desk.standing
        if standing.view.changes_digest != self._under:
            return False
        return all(standing.placement(each).sources == self._ways.sources for each in self.partitions)

    def confirmations(self) -> list[Event]:
        """What there is to publish once all of it is here."""
        return [confirmed(self._desk.own, placed.partition, placed.listed) for placed in self._placements]

    def on_mistake(self) -> None:
        """It is tried again like any that has failed."""
        if not self.closed:
            self._end(whole=False)

    def on_time(self) -> None:
        """Look again whether everybody knows."""
        self._await_others()

    def _run(self, step: type[Copying], peers: Sequence[NodeId], then: Callable[[], None]) -> None:
        """Do one step with each of them in turn, and go on when all of them have succeeded."""
        waiting = deque(self._in_turn(peers))

        def go_on(succeeded: bool = True) -> None:
            if self.closed:
                return
            self._patience.renew(self._desk.now)
            if not succeeded:
                self._end(whole=False)
            elif waiting:
                self._desk.begin(step(self._desk, waiting.popleft(), self.partitions, go_on))
            else:
                then()

        go_on()

    def _in_turn(self, peers: Sequence[NodeId]) -> list[NodeId]:
        """Who is within reach first; beyond that now one and now another, so that all have as much to tell."""
        first = sum(self.partitions) % len(peers) if peers else 0
        return sorted([*peers[first:], *peers[:first]], key=lambda node: not self._is_heard(node))

    def _is_heard(self, node: NodeId) -> bool:
        return node in self._desk.peers and self._desk.peers[node].heard

    def _await_others(self) -> None:
        """Who does not know of the change yet would find too few homes that still count.

        Who agrees has told all that it had confirmed before. A peer that has not been tried yet is waited for, too.
        """
        desk = self._desk
        if not self.is_current or self._patience.is_over(desk.now):
            self._end(whole=False)
        elif all(desk.standing.agrees(node) for node, peer in desk.peers.items() if peer.trusted):
            self._run(Relieving, self._ways.parting, self._finish)
        else:
            desk.wake(self, desk.now + 1 / _LOOKS_A_SECOND)

    def _finish(self) -> None:
        self._end(whole=self.is_current)

    def _end(self, *, whole: bool) -> None:
        self.close()
        self._done(self, whole)


class Confirming(Conversation):
    """Publishes what has been taken over, as much as comes together.

    `done` is called for each partition, in the end, with whether that is known now.
    """

    lasts = True

    def __init__(self, desk: Desk, membership: Membership, done: Callable[[int, bool], None]) -> None:
        self._desk = desk
        self._membership = membership
        self._done = done
        self._ready: list[Transfer] = []
        self._gathering_s = max(_GATHERING_S, desk.config.partition_count * _GATHERING_S_A_PARTITION)

    def add(self, transfer: Transfer, *, alone: bool) -> None:
        """This one is ready. Unless it is `alone`, others may soon be."""
        self._ready.append(transfer)
        if alone:
            self.on_time()
        elif len(self._ready) == 1:
            self._desk.wake(self, self._desk.now + self._gathering_s)

    def on_time(self) -> None:
        """Make it known, unless the members have changed meanwhile."""
        ready, self._ready = self._ready, []
        try:
            self._publish(ready)
        except Exception:
            self._ready[:0] = ready
            self._desk.wake(self, self._desk.now + self._gathering_s)
            raise

    def _publish(self, ready: Sequence[Transfer]) -> None:
        current = [transfer for transfer in ready if transfer.is_current]
        for transfer in ready:
            if not transfer.is_current:
                for number in transfer.partitions:
                    self._done(number, False)
        if not current:
            return
        numbers = [number for transfer in current for number in transfer.partitions]

        def learnt(durable: bool) -> None:
            for number in numbers:
                if durable:
                    self._desk.standing.set_released(number, released=False)
                self._done(number, durable)

        self._membership.learn(
            [event for transfer in current for event in transfer.confirmations()],
            learnt,
            # The mark of an earlier release goes with the same stroke: from then on this node's word counts again.
            writes=tuple(map(drop_released, numbers)),
            under=self._desk.standing.view.changes_digest,
        )


class Releasing(Conversation):
    """A Release of `caller`: mark the partition, and tell what is held then if that is wanted."""

    def __init__(self, desk: Desk, caller: Caller, request: int, body: Release) -> None:
        self._desk = desk
        self._caller = caller
        self._request = request
        self._body = body

    def start(self) -> None:
        """Mark it, unless it is already, or is not to be."""
        standing, body = self._desk.standing, self._body
        if refusal := self._objection():
            self._end(refusal)
        elif standing.has_released(body.partition):
            self._tell()
        else:
            self._desk.persist_facts((put_released(body.partition, body.changes_digest),), self)

    def on_persisted(self, _token: int, *, durable: bool) -> None:
        """All that was acknowledged before is durable by now, and nothing that follows is acknowledged as a home's."""
        if not durable:
            self._end(Refusal(Code.INTERNAL, "the disk refused the write"))
            return
        self._desk.standing.set_released(self._body.partition, released=True)
        if refusal := self._objection():
            self._end(refusal)
        else:
            self._tell()

    def _objection(self) -> Refusal | None:
        desk, body = self._desk, self._body
        if not desk.replica.is_read:
            return Refusal(Code.UNAVAILABLE, f"{desk.own} has started and not read all its keys yet")
        if body.partition >= desk.config.partition_count:
            return Refusal(Code.INVALID_ARGUMENT, f"there is no partition {body.partition}")
        if body.changes_digest != desk.standing.view.changes_digest:
            return Refusal(Code.FAILED_PRECONDITION, f"{desk.own} has another view than {self._caller.node}")
        if desk.own in desk.ring.owners_of(body.partition):
            return Refusal(Code.FAILED_PRECONDITION, f"{desk.own} is an owner of partition {body.partition}")
        return None

    def _tell(self) -> None:
        """Who does not say that it wants no leaves would take their absence for that of keys."""
        tree = self._desk.replica.tree(self._body.partition)
        leaves = () if self._body.without_leaves else tuple(Leaf(key, hash_) for key, hash_ in tree.all_leaves())
        self._end(Released(self._body.partition, leaves))

    def _end(self, answer: AnswerBody) -> None:
        self._desk.answer(self._caller, self._request, answer)
        self.close()


class TransferRound(Conversation):
    """Starts Transfers of all partitions that this node has to take over, some at a time, again and again.

    It also agrees to what others have confirmed, so that what is older can be forgotten.
    """

    lasts = True

    def __init__(self, desk: Desk, membership: Membership) -> None:
        self._desk = desk
        self._membership = membership
        self._confirming = Confirming(desk, membership, self._published)
        self._running = 0
        self._busy: set[int] = set()
        """What is being taken over, or is here and not confirmed yet."""
        self._to_do: deque[tuple[Sequence[int], Ways]] = deque()
        """What this attempt has not come to yet; what stands together can be taken over together."""
        self._together = together(desk.config.partition_count)
        self._retrying = Retrying(desk, self._try_again)
        self._is_going_on = False

    def on_time(self) -> None:
        """One round."""
        self._try_again()
        self._agree()
        self._desk.wake(self, self._desk.now + self._desk.config.handoff_interval)

    def on_view(self) -> None:
        """See what there is to do. A node that has nothing to take over does nothing."""
        self._retrying.renew()
        self._try_again()
        # Nothing waits for agreement, so it is given at once to all that one change has moved.
        if not any(placed.to_take for placed in self._desk.standing.unsettled()):
            self._agree()

    def _try_again(self) -> None:
        standing = self._desk.standing
        alike: dict[Ways, list[int]] = {}
        for placed in standing.unsettled():
            if placed.partition not in self._busy and standing.takes(placed.partition):
                alike.setdefault(Ways.of(placed), []).append(placed.partition)
        size = self._together
        self._to_do = deque(
            sorted(
                (some[start : start + size], ways)
                for ways, some in alike.items()
                for start in range(0, len(some), size)
            )
        )
        self._go_on()

    def _go_on(self) -> None:
        """Take over as many partitions at a time as may be."""
        standing = self._desk.standing
        if self._is_going_on or standing.is_removed or not self._desk.replica.is_read:
            return
        self._is_going_on = True
        try:
            while self._to_do and self._running < MAX_TRANSFERS:
                some, ways = self._to_do.popleft()
                if numbers := [each for each in some if each not in self._busy and self._goes(each, ways)]:
                    self._busy.update(numbers)
                    self._running += 1
                    self._desk.begin(Transfer(self._desk, numbers, self._ended))
        finally:
            self._is_going_on = False

    def _goes(self, partition: int, ways: Ways) -> bool:
        """Whether it is to be taken over in these ways, still."""
        standing = self._desk.standing
        return standing.takes(partition) and Ways.of(standing.placement(partition)) == ways

    def _ended(self, transfer: Transfer, whole: bool) -> None:
        """The next one can begin; what has failed would fail again. One that has nobody to ask ends as it starts."""
        self._running -= 1
        if whole:
            self._retrying.renew()
        else:
            self._busy.difference_update(transfer.partitions)
            self._retrying.failed()
        self._go_on()
        if whole:
            self._confirming.add(transfer, alone=not self._running and not self._is_going_on)

    def _published(self, partition: int, is_known: bool) -> None:
        """What is not has to be taken over again, and no view may come that would begin it."""
        self._busy.discard(partition)
        if not is_known:
            self._retrying.failed()

    def _agree(self) -> None:
        own, standing = self._desk.own, self._desk.standing
        if standing.is_removed or not self._desk.replica.is_read:
            return
        events = [
            confirmed(own, placed.partition, placed.listed)
            for placed in standing.unsettled()
            if own in placed.to_agree and not standing.takes(placed.partition)
        ]
        if events:
            self._membership.learn(events)
