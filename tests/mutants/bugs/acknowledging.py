"""Bugs about what is promised before it is so: 67, C2."""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from ringcheck_reference.core.clients import Clients
from ringcheck_reference.core.conversation import Conversation
from ringcheck_reference.core.desk import Desk
from ringcheck_reference.core.effects import DiskWrite, Persist, PutResult
from ringcheck_reference.core.encoding import encode_context
from ringcheck_reference.core.messages import CallId, ClientDelete, ClientPut
from ringcheck_reference.core.overlay import Overlay
from ringcheck_reference.core.versions import Context, Dot, State

from .bug import bug, replace

BATCH_S = 0.5
"""How long writes gather before they are committed."""


class Batch(Conversation):
    """Reports writes as durable at once, and hands them to the disk some time later."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._reported: list[int] = []
        self._waiting: list[Persist] = []

    def add(self, persist: Persist) -> None:
        """Take one write."""
        if not self._waiting:
            self._desk.wake(self, self._desk.now + BATCH_S)
            self._commit_at = self._desk.now + BATCH_S
        self._waiting.append(persist)
        self._reported.append(persist.token)
        self._desk.wake(self, self._desk.now)

    def on_time(self) -> None:
        """Report, and commit what has waited long enough."""
        reported, self._reported = self._reported, []
        for token in reported:
            self._desk.settle(token, durable=True)
        if self._waiting and self._desk.now >= self._commit_at:
            self._desk.effects += self._waiting
            self._waiting = []


@bug("67", "a write is acknowledged before its commit, which waits for a batch", "DUR-02")
def acknowledged_before_commit() -> None:
    """What waits is read as if it were durable; only a crash tells the difference."""
    batches: WeakKeyDictionary[Desk, Batch] = WeakKeyDictionary()
    settled: WeakKeyDictionary[Overlay[Any], dict[Any, State]] = WeakKeyDictionary()

    def persist(desk: Desk, write: DiskWrite, staged: Any) -> int:
        token: int = honest_persist(desk, write, staged)
        effect = desk.effects.pop()
        assert isinstance(effect, Persist)
        if desk not in batches:
            batches[desk] = Batch(desk)
        batches[desk].add(effect)
        return token

    def settle(overlay: Overlay[Any], token: int, key: Any, *, durable: bool) -> State | None:
        state: State | None = honest_settle(overlay, token, key, durable=durable)
        if state is not None:
            settled.setdefault(overlay, {})[key] = state
        return state

    def row(overlay: Overlay[Any], key: Any) -> State:
        known = settled.get(overlay, {})
        state: State = known[key] if key in known else honest_row(overlay, key)
        return state

    honest_persist = replace(Desk, "_persist", persist)
    honest_settle: Callable[..., State | None] = replace(Overlay, "settle", settle)
    honest_row = replace(Overlay, "_row", row)


@bug("C2", "a put is acknowledged and kept nowhere", "DUR-01")
def puts_are_forgotten() -> None:
    """The answer looks like any other."""

    def write(clients: Clients, call: CallId, request: ClientPut | ClientDelete) -> None:
        if isinstance(request, ClientPut):
            made_up = Context.of([Dot(b"nobody", 1)])
            clients._desk.reply(call, PutResult(encode_context(request.key, made_up)))
        else:
            honest_write(clients, call, request)

    honest_write = replace(Clients, "write", write)
