"""Clients' requests: checked wholly before anything happens, then handed to their conversation."""

import hashlib
from collections.abc import Callable

from .config import CoreConfig
from .desk import Desk
from .effects import DeleteResult, Failure, PutResult
from .encoding import MalformedContext, decode_context
from .forwarding import Forwarding
from .messages import (
    Caller,
    CallId,
    ClientDelete,
    ClientGet,
    ClientPut,
    Code,
    Forward,
    Outcome,
    Refusal,
)
from .reading import Reading
from .versions import Context
from .writing import Mint, Writing

MAX_REMEMBERED = 50_000
"""Forwarded writes whose outcome is kept, against replays."""
MAX_ASKERS = 10_000
"""Of so many runs of other nodes is known up to which request what they have forwarded has been forgotten."""

Asker = tuple[str, str]
"""A peer and its incarnation."""

Ticket = tuple[str, str, int, bytes]
"""A forwarded write: the peer, its incarnation, the request's id, and a digest of what it asks."""


class InvalidRequest(ValueError):  # noqa: N818 - named for what was asked, as its message is
    """A client's request cannot be carried out, and nothing of it was; the message tells its user why."""


class Clients:
    """Takes clients' requests, those forwarded by peers included."""

    def __init__(self, desk: Desk, mint: Mint) -> None:
        self._desk = desk
        self._mint = mint
        desk.on_gone = mint.forget
        self._forwards: dict[Ticket, Outcome | list[Caller]] = {}
        """How each ended, or who waits for that: the same peer, on whatever streams it has asked."""
        self._forgotten: dict[Asker, int] = {}
        """The highest id of a request that was forgotten: what is not higher may be a replay."""

    def get(self, call: CallId, request: ClientGet) -> None:
        """Read at this node."""
        if self._is_refused(call):
            return
        try:
            check_key(self._desk.config, request.key)
            r = check_quorum(self._desk.config, "r", request.r, self._desk.config.r)
        except InvalidRequest as error:
            self._desk.reply(call, Failure(Code.INVALID_ARGUMENT, str(error)))
        else:
            Reading(self._desk, call, request.key, r).start()

    def write(self, call: CallId, request: ClientPut | ClientDelete) -> None:
        """Write at the coordinator, wherever that is."""
        if self._is_refused(call):
            return
        value = request.value if isinstance(request, ClientPut) else None
        try:
            w = check_quorum(self._desk.config, "w", request.w, self._desk.config.w)
            context = self._checked(request.key, value, request.context)
        except InvalidRequest as error:
            self._desk.reply(call, Failure(Code.INVALID_ARGUMENT, str(error)))
            return

        def finish(outcome: Outcome) -> None:
            self._desk.reply(call, _result(outcome, is_delete=value is None))

        if Forwarding.is_needed(self._desk, request.key, w):
            write = Forward("", request.key, value, request.context, w)
            Forwarding(self._desk, write, self._check_and_coordinate, finish).start()
        else:
            self._coordinate(request.key, value, context, w, finish)

    def forwarded(self, caller: Caller, request: int, write: Forward) -> None:
        """Coordinate a peer's client's write, once, if it is meant for this run of this node."""
        if write.incarnation != self._desk.incarnation:
            reason = f"{self._desk.own} has restarted, its incarnation is {self._desk.incarnation}"
            self._desk.answer(caller, request, Refusal(Code.FAILED_PRECONDITION, reason))
            return
        if not 1 <= write.w <= self._desk.config.n:
            reason = f"w is {write.w}, it must be 1 to {self._desk.config.n}"
            self._desk.answer(caller, request, Refusal(Code.INVALID_ARGUMENT, reason))
            return
        ticket = (caller.node, caller.incarnation, request, _digest(write))
        known = self._forwards.get(ticket)
        if isinstance(known, Outcome):
            self._desk.answer(caller, request, known)
            return
        if known is not None:
            # A replay while the first is under way, whose answer serves all of the same stream.
            if caller not in known:
                known.append(caller)
            return
        if reason := self._may_be_replayed(caller, request):
            self._desk.answer(caller, request, Refusal(Code.FAILED_PRECONDITION, reason))
            return
        asking = [caller]
        self._remember(ticket, asking)

        def finish(outcome: Outcome) -> None:
            self._desk.admission.end(ticket, self._desk.now)
            if ticket in self._forwards:
                self._forwards[ticket] = outcome
            for each in asking:
                self._desk.answer(each, request, outcome)

        if self._desk.admission.begin(ticket, self._desk.now):
            try:
                self._check_and_coordinate(write, finish)
            except Exception:
                self._desk.admission.end(ticket, self._desk.now)
                raise
        else:
            finish(Outcome(Code.RESOURCE_EXHAUSTED, self._too_many()))

    def _is_refused(self, call: CallId) -> bool:
        """More at a time than the node takes on would make all of them late; so this one is answered at once."""
        is_taken = self._desk.admission.begin(call, self._desk.now)
        if not is_taken:
            self._desk.reply(call, Failure(Code.RESOURCE_EXHAUSTED, self._too_many()))
        return not is_taken

    def _too_many(self) -> str:
        return f"{self._desk.own} has {self._desk.config.max_in_flight} requests under way, its limit; try again later"

    def _check_and_coordinate(self, write: Forward, finish: Callable[[Outcome], None]) -> None:
        try:
            context = self._checked(write.key, write.value, write.context)
        except InvalidRequest as error:
            finish(Outcome(Code.INVALID_ARGUMENT, str(error)))
        else:
            self._coordinate(write.key, write.value, context, write.w, finish)

    def _coordinate(
        self, key: bytes, value: bytes | None, context: Context, w: int, finish: Callable[[Outcome], None]
    ) -> None:
        self._desk.begin(Writing(self._desk, self._mint, key, value, context, w, finish))

    def _checked(self, key: bytes, value: bytes | None, context: bytes) -> Context:
        """The decoded context of a write that may be carried out."""
        limit = self._desk.config.limits.max_value_bytes
        check_key(self._desk.config, key)
        if value is not None and len(value) > limit:
            raise InvalidRequest(f"the value has {len(value)} bytes, the limit is {limit}")
        try:
            decoded = decode_context(key, context)
        except MalformedContext as error:
            raise InvalidRequest(f"{error}; use the context of a Get or Put of this key") from error
        if value is None and not decoded:
            raise InvalidRequest("a Delete needs a context that covers a version; Get the key first")
        return decoded

    def _remember(self, ticket: Ticket, asking: list[Caller]) -> None:
        self._forwards[ticket] = asking
        if len(self._forwards) > MAX_REMEMBERED:
            oldest = next(iter(self._forwards))
            del self._forwards[oldest]
            node, incarnation, request, _ = oldest
            asker = (node, incarnation)
            self._forgotten[asker] = max(self._forgotten.get(asker, 0), request)

    def _may_be_replayed(self, caller: Caller, request: int) -> str:
        """Why a write that is not remembered may have been carried out before; empty if it cannot have been.

        A peer gives every write that it forwards a higher id than all before, so those that were forgotten have lower
        ones. When this is known of as many runs of peers as can be remembered, nobody new is believed any more.
        """
        asker = (caller.node, caller.incarnation)
        if request <= self._forgotten.get(asker, 0):
            return f"{self._desk.own} has had so many requests since that it cannot tell whether this is a repeated one"
        if len(self._forgotten) >= MAX_ASKERS and asker not in self._forgotten:
            return f"{self._desk.own} cannot remember more nodes that have asked; start it anew"
        return ""


def check_key(config: CoreConfig, key: bytes) -> None:
    """Raises InvalidRequest for a key that is empty or too long."""
    limit = config.limits.max_key_bytes
    if not 1 <= len(key) <= limit:
        raise InvalidRequest(f"the key has {len(key)} bytes, it must have 1 to {limit}")


def check_quorum(config: CoreConfig, name: str, asked: int, default: int) -> int:
    """How many nodes must answer; raises InvalidRequest for more than N."""
    if not 0 <= asked <= config.n:
        raise InvalidRequest(f"{name} is {asked}, it must be 1 to {config.n}, or 0 for the node's default")
    return asked or default


def _digest(write: Forward) -> bytes:
    parts = (write.key, b"" if write.value is None else b"=" + write.value, write.context, b"%d" % write.w)
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def _result(outcome: Outcome, *, is_delete: bool) -> PutResult | DeleteResult | Failure:
    if outcome.code != Code.OK:
        return Failure(Code(outcome.code), outcome.message)
    return DeleteResult() if is_delete else PutResult(outcome.context)
