"""Taking a partition over: a new owner copies it from the old ones, has them release it, and confirms.

    copy      what differs is fetched from everybody who may hold what an owner has to have, so that little is left
    release   once everybody within reach knows of the change, who is no owner any more durably marks the partition
              released, and tells what it holds then; what differs by now is fetched too
    confirm   when all of that is durable here, this node publishes that it has it

Whatever fails is left to the next attempt, which finds less to do. An old owner that is out of reach is waited for.
"""

from collections.abc import Callable, Iterable, Sequence

from .antientropy import Exchange
from .conversation import Conversation, Patience
from .desk import Desk
from .encoding import encode_state
from .events import confirmed
from .facts import drop_released, put_released
from .membership import Membership
from .messages import AnswerBody, Caller, Code, Leaf, NodeId, Refusal, Release, Released, RequestBody
from .versions import State

MAX_PARTITIONS = 4
"""So many partitions are taken over at a time."""
_LOOKS_A_SECOND = 20
"""How often is looked whether the others know of the change."""


class Copying(Exchange):
    """Fetches from `peer` what this node lacks of one partition; `done` is called with whether it has all of it."""

    def __init__(self, desk: Desk, peer: NodeId, partition: int, done: Callable[[bool], None]) -> None:
        super().__init__(desk, peer, (partition,))
        self._done = done

    def on_persisted(self, token: int, *, durable: bool) -> None:
        """What is not durable is not here."""
        size = self._merges.pop(token)
        if durable:
            self._desk.counters.transfers.add(size)
            self._proceed()
        else:
            self.close()

    def close(self) -> None:
        """Tell once."""
        if not self.closed:
            super().close()
            self._done(self.succeeded)

    def _worth_reading(self, _ours: Iterable[bytes], theirs: Iterable[bytes]) -> list[bytes]:
        """Only what they hold."""
        return sorted(theirs)

    def _reconcile(self, key: bytes, theirs: State) -> None:
        """Theirs is merged here. Where they lack something it is not theirs to hold any more, or anti-entropy's."""
        ours = self._desk.replica.latest(key)
        if theirs and (ours.merge(theirs) != ours or self._desk.replica.durable(key) != ours):
            size = len(key) + len(encode_state(theirs))
            self._merges[self._desk.store_replica(key, theirs, self)] = size


class Relieving(Copying):
    """Has `peer` release the partition, and fetches what it holds then."""

    def start(self) -> None:
        """Ask for it."""
        self._desk.wake(self, self._patience.ends)
        self._ask(Release(self._partitions[0], self._desk.standing.view.changes_digest))

    def _understand(self, query: RequestBody, body: AnswerBody) -> bool:
        """What it holds is told with its leaves."""
        if not isinstance(query, Release):
            return super()._understand(query, body)
        if not isinstance(body, Released) or body.partition != query.partition:
            return False
        self._compare_all(query.partition, body.leaves)
        return True

    def _compare_all(self, partition: int, leaves: Sequence[Leaf]) -> None:
        tree = self._desk.replica.tree(partition)
        for leaf in leaves:
            if tree.leaf_of(leaf.key) != leaf.hash and self._desk.ring.partition(leaf.key) == partition:
                self._keys.append(leaf.key)


class Transfer(Conversation):
    """One attempt to take one partition over."""

    def __init__(self, desk: Desk, membership: Membership, partition: int) -> None:
        self._desk = desk
        self._membership = membership
        self._partition = partition
        self._placement = desk.standing.placement(partition)
        self._under = desk.standing.view.changes_digest
        self._patience = Patience(desk.now, desk.config.request_timeout)
        self._running = 0

    def start(self) -> None:
        """Copy from everybody at once."""
        self._run(Copying, [node for node in self._placement.sources if node != self._desk.own], self._await_others)

    def on_time(self) -> None:
        """Look again whether everybody knows."""
        self._await_others()

    def _run(self, step: type[Copying], peers: Sequence[NodeId], then: Callable[[], None]) -> None:
        """Do one step with each of them, and go on when all of them have succeeded."""
        self._running = len(peers)

        def done(succeeded: bool) -> None:
            self._running -= 1
            if self.closed:
                return
            if not succeeded:
                self.close()
            elif not self._running:
                then()

        for peer in peers:
            step(self._desk, peer, self._partition, done).start()
        if not peers:
            then()

    def _await_others(self) -> None:
        """Who does not know of the change yet would find too few homes that still count."""
        desk = self._desk
        if not self._is_current() or self._patience.is_over(desk.now):
            self.close()
        elif all(desk.standing.agrees(node) for node, peer in desk.peers.items() if peer.heard):
            owners = self._placement.owners
            self._run(Relieving, [node for node in self._placement.sources if node not in owners], self._confirm)
        else:
            desk.wake(self, desk.now + 1 / _LOOKS_A_SECOND)

    def _confirm(self) -> None:
        if not self._is_current():
            self.close()
            return
        listed, own, partition = self._placement.listed, self._desk.own, self._partition
        event = confirmed(own, partition, listed)

        def learnt(durable: bool) -> None:
            if durable:
                self._desk.standing.set_released(partition, released=False)
            self.close()

        # The mark of an earlier release goes with the same stroke: from then on this node's word counts again.
        self._membership.learn([event], learnt, writes=(drop_released(partition),), under=self._under)

    def _is_current(self) -> bool:
        return self._desk.standing.view.changes_digest == self._under


class Releasing(Conversation):
    """A Release of `caller`: mark the partition, and tell what is held then."""

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
        if body.partition >= desk.config.partition_count:
            return Refusal(Code.INVALID_ARGUMENT, f"there is no partition {body.partition}")
        if body.changes_digest != desk.standing.view.changes_digest:
            return Refusal(Code.FAILED_PRECONDITION, f"{desk.own} has another view than {self._caller.node}")
        if desk.own in desk.ring.owners_of(body.partition):
            return Refusal(Code.FAILED_PRECONDITION, f"{desk.own} is an owner of partition {body.partition}")
        return None

    def _tell(self) -> None:
        tree = self._desk.replica.tree(self._body.partition)
        leaves = tuple(Leaf(key, hash_) for key, hash_ in tree.all_leaves())
        self._end(Released(self._body.partition, leaves))

    def _end(self, answer: AnswerBody) -> None:
        self._desk.answer(self._caller, self._request, answer)
        self.close()


class TransferRound(Conversation):
    """Starts a Transfer for every partition that this node has to take over, some at a time, again and again.

    It also agrees to what others have confirmed, so that what is older can be forgotten.
    """

    def __init__(self, desk: Desk, membership: Membership) -> None:
        self._desk = desk
        self._membership = membership
        self._running: dict[int, Transfer] = {}

    def on_time(self) -> None:
        """One round."""
        self.on_view()
        self._desk.wake(self, self._desk.now + self._desk.config.handoff_interval)

    def on_view(self) -> None:
        """See what there is to do. A node that has nothing to take over does nothing."""
        if self._desk.standing.is_removed:
            return
        standing = self._desk.standing
        self._running = {number: each for number, each in self._running.items() if not each.closed}
        for placed in standing.unsettled():
            number = placed.partition
            has_room = number not in self._running and len(self._running) < MAX_PARTITIONS
            if has_room and standing.takes(number):
                self._running[number] = Transfer(self._desk, self._membership, number)
                self._running[number].start()
        self._agree()

    def _agree(self) -> None:
        own, standing = self._desk.own, self._desk.standing
        events = [
            confirmed(own, placed.partition, placed.listed)
            for placed in standing.unsettled()
            if own in placed.to_agree and not standing.takes(placed.partition)
        ]
        if events:
            self._membership.learn(events)
