"""Hinted handoff: what was kept for a home node goes there as soon as it can be reached.

A hint is dropped only once its target holds it durably, and only if nothing was merged into it meanwhile.
"""

from collections.abc import Iterator

from .conversation import Conversation, Patience
from .desk import Desk
from .encoding import encode_state
from .messages import AnswerBody, Cause, NodeId, Replicate, Stored
from .versions import State

MAX_IN_FLIGHT = 16
"""Hints on their way to one target at a time, if there is nothing more urgent to do."""


class Handoff(Conversation):
    """One attempt to hand all hints for `target` over; whatever fails is left to the next one."""

    def __init__(self, desk: Desk, target: NodeId) -> None:
        self._desk = desk
        self._target = target
        self._keys = self._walk()
        self._sent: dict[int, tuple[bytes, State]] = {}
        self._patience = Patience(desk.now, desk.config.request_timeout)

    def start(self) -> None:
        """Begin, unless there is nothing to hand over."""
        self._desk.wake(self, self._patience.ends)
        self._send_more()

    def on_answer(self, request: int, _sender: NodeId, body: AnswerBody) -> None:
        """A stored hint is dropped; a refused one stays."""
        self._patience.renew(self._desk.now)
        key, state = self._sent.pop(request)
        if isinstance(body, Stored):
            self._desk.counters.hints_delivered.add(len(key) + len(encode_state(state)))
            self._desk.drop_hint(self._target, key, state)
        self._send_more()

    def on_failure(self, _request: int, _to: NodeId, _sent: bool) -> None:
        """The target is out of reach again."""
        self.close()

    def on_time(self) -> None:
        """Do not wait for ever for an answer that got lost."""
        if self._patience.is_over(self._desk.now):
            self.close()
        else:
            self._desk.wake(self, self._patience.ends)

    def _walk(self) -> Iterator[bytes]:
        """The keys of the hints, partition by partition: there may be more than can be looked at at once.

        What others are to have instead of the target is handed over by the drop rule.
        """
        hints, standing = self._desk.hints, self._desk.standing
        for partition in hints.partitions(self._target):
            placed = standing.placement(partition)
            if self._target in placed.owners or self._target in placed.sources:
                yield from hints.keys_in(self._target, partition)

    def _send_more(self) -> None:
        """Keep some hints in flight until all have been sent."""
        while len(self._sent) < self._desk.admitted(MAX_IN_FLIGHT) and (key := next(self._keys, None)) is not None:
            try:
                state = self._desk.hints.durable((self._target, key))
            except Exception as error:  # A place of the disk that cannot be read must not keep all behind it here.
                self._desk.mistaken(error)
                continue
            if state:
                request = self._desk.ask(self._target, Replicate(key, state, cause=Cause.HANDOFF), self)
                self._sent[request] = (key, state)
        if not self._sent:
            self.close()


class HandoffRound(Conversation):
    """Starts a Handoff for every target within reach, again and again."""

    lasts = True

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._running: dict[NodeId, Handoff] = {}

    def on_time(self) -> None:
        """One round. A node that has no hints does nothing."""
        desk = self._desk
        for target in desk.hints.targets():
            running = self._running.get(target)
            if target not in desk.peers or not desk.peers[target].heard:
                continue
            if running is None or running.closed:
                self._running[target] = Handoff(desk, target)
                desk.begin(self._running[target])
        desk.wake(self, desk.now + desk.config.handoff_interval)
