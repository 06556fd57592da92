"""Another node's state arrives: merge it, and say so once it is durable.

What is said depends on where this node stands by then. A home says that it holds the state; who is none, or has not
confirmed yet, says that the copy counts as a stand-in's; who has released the partition, or has left and is no home,
keeps the copy until the owners have it, and says that it counts for nothing.
"""

from .conversation import Conversation
from .desk import Desk
from .encoding import encode_state
from .messages import AnswerBody, Caller, Cause, Code, Refusal, Released, Replicate, Stored


class Storing(Conversation):
    """One Replicate of `caller`."""

    def __init__(self, desk: Desk, caller: Caller, request: int, body: Replicate) -> None:
        self._desk = desk
        self._caller = caller
        self._request = request
        self._body = body
        self._changed = False

    def start(self) -> None:
        """Persist the merge, even one that changes nothing: what it finds may still be on its way to the disk."""
        desk, body = self._desk, self._body
        target = body.hint_for or desk.own
        if refusal := self._objection(target):
            self._end(refusal)
        elif target == desk.own:
            before = desk.replica.latest(body.key)
            merged = before.merge(body.state)
            self._changed = merged != before
            if self._changed or desk.replica.durable(body.key) != before:
                desk.put_replica(body.key, merged, self)
            else:
                self._end(self._stored())
        else:
            before = desk.hints.latest((target, body.key))
            self._changed = before.merge(body.state) != before
            desk.store_hint(target, body.key, body.state, self)

    def on_persisted(self, _token: int, *, durable: bool) -> None:
        """Answer; a failed disk is no promise."""
        if not durable:
            self._end(Refusal(Code.INTERNAL, "the disk refused the write"))
            return
        if self._changed and self._body.cause is Cause.ANTI_ENTROPY:
            size = len(self._body.key) + len(encode_state(self._body.state))
            self._desk.counters.anti_entropy_repairs.add(size)
        self._end(self._stored())

    def _stored(self) -> Stored | Released:
        """What the copy counts for."""
        desk, body = self._desk, self._body
        standing = desk.standing
        if body.hint_for and body.hint_for != desk.own:
            return Stored(self._changed, provisional=True)
        partition = desk.ring.partition(body.key)
        if standing.counts(partition):
            return Stored(self._changed)
        if standing.has_left or standing.has_released(partition):
            return Released(partition)
        return Stored(self._changed, provisional=True)

    def _objection(self, target: str) -> Refusal | None:
        """Hints are kept by members, for who is or was one. A hint may be for this node: then it has arrived.

        A removed node has not been asked before tombstones were forgotten, and would bring back what they deleted.
        """
        body, standing = self._body, self._desk.standing
        if self._caller.node in standing.view.removed:
            return Refusal(Code.FAILED_PRECONDITION, f"{self._caller.node} was removed, and nothing of it is taken")
        if not body.key:
            return Refusal(Code.INVALID_ARGUMENT, "the key is empty")
        if not body.state:
            return Refusal(Code.INVALID_ARGUMENT, "the state is empty")
        if target != self._desk.own and not standing.is_member:
            return Refusal(Code.FAILED_PRECONDITION, f"{self._desk.own} is no member and keeps no hints")
        if target not in standing.view.joined and target != self._desk.own:
            return Refusal(Code.FAILED_PRECONDITION, f"{target} never joined, as far as this node knows")
        return None

    def _end(self, answer: AnswerBody) -> None:
        self._desk.answer(self._caller, self._request, answer)
        self.close()
