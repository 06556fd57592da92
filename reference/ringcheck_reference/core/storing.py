"""Another node's state arrives: merge it, and say so once it is durable."""

from .conversation import Conversation
from .desk import Desk
from .encoding import encode_state
from .messages import AnswerBody, Caller, Cause, Code, Refusal, Replicate, Stored


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
                self._end(Stored(changed=False))
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
        self._end(Stored(self._changed))

    def _objection(self, target: str) -> Refusal | None:
        """Only a key's home nodes hold replicas of it, and only for them are hints kept."""
        body = self._body
        if not body.key:
            return Refusal(Code.INVALID_ARGUMENT, "the key is empty")
        if not body.state:
            return Refusal(Code.INVALID_ARGUMENT, "the state is empty")
        if target not in self._desk.ring.homes(body.key):
            return Refusal(Code.FAILED_PRECONDITION, f"{target} is no home node of this key")
        return None

    def _end(self, answer: AnswerBody) -> None:
        self._desk.answer(self._caller, self._request, answer)
        self.close()
