"""A client's write at the node asked: it finds the coordinator, which may be this node itself.

Any home node may coordinate (section 6.4): a home that is asked and can gather W machines spares the way to another.
Else the coordinator is the first of the preference list that this node can reach and that can, by what it last
reported, gather W in time; if nobody is known to, this node tries itself. One that answers late comes last, and to a
home it is no better than itself: its way there is what makes the write late. A write is coordinated at most once: only
one that certainly was never sent may go to the next.
"""

from collections.abc import Callable

from .conversation import Conversation
from .desk import Desk
from .messages import DEFINITE, MISTAKE, AnswerBody, Code, Forward, NodeId, Outcome

Coordinate = Callable[[Forward, Callable[[Outcome], None]], None]
"""Carries a write out at this node."""


class Forwarding(Conversation):
    """One write; `finish` is called once, with how it ended."""

    def __init__(self, desk: Desk, write: Forward, coordinate: Coordinate, finish: Callable[[Outcome], None]) -> None:
        self._desk = desk
        self._write = write
        self._coordinate = coordinate
        self._finish = finish
        self._tried: set[NodeId] = set()

    @staticmethod
    def is_needed(desk: Desk, key: bytes, w: int) -> bool:
        """Whether this node has to look for a coordinator: not if it is a home that can gather so many machines."""
        return not (desk.standing.counts(desk.ring.partition(key)) and desk.peers.can_gather(desk.own, w))

    def start(self) -> None:
        """Send the write on, or carry it out here."""
        desk = self._desk
        node = self.coordinator()
        if node == desk.own:
            self.close()
            self._coordinate(self._write, self._finish)
            return
        write = self._write
        if not self._tried:
            desk.wake(self, desk.now + desk.config.answer_time)
            size = len(write.key) + len(write.value or b"") + len(write.context)
            desk.counters.forwarded_requests.add(size)
        self._tried.add(node)
        incarnation = desk.peers[node].incarnation or ""
        desk.ask(node, Forward(incarnation, write.key, write.value, write.context, write.w), self)

    def coordinator(self) -> NodeId:
        """Who is to coordinate, of those not tried yet."""
        desk, write = self._desk, self._write
        if not self.is_needed(desk, write.key, write.w):
            return desk.own
        is_home = desk.standing.counts(desk.ring.partition(write.key))
        late = desk.own
        for node in desk.ring.preference_list(write.key):
            if node not in self._tried and desk.peers.trusts(node) and desk.peers.can_gather(node, write.w):
                if not desk.peers.is_late(node):
                    return node
                if late == desk.own and not is_home:
                    late = node
        return late

    def on_answer(self, _request: int, sender: NodeId, body: AnswerBody) -> None:
        """Pass the outcome on. Only the coordinator knows that a write never takes effect; a Refusal is no proof."""
        if isinstance(body, Outcome):
            if body.code in (Code.OK, Code.RESOURCE_EXHAUSTED) or body.code in DEFINITE:
                self._end(body)
            else:
                self._end(Outcome(Code.UNAVAILABLE, body.message))
        else:
            self._end(Outcome(Code.UNAVAILABLE, f"{sender} did not coordinate the write; try again"))

    def on_failure(self, _request: int, to: NodeId, sent: bool) -> None:
        """Try the next node, but only if this one cannot have got it."""
        if sent:
            reason = f"the connection to {to} broke while it coordinated the write; it may take effect later"
            self._end(Outcome(Code.UNAVAILABLE, reason))
            return
        self.start()

    def on_time(self) -> None:
        """The coordinator did not answer in time."""
        self._end(Outcome(Code.UNAVAILABLE, "the coordinator did not answer in time; the write may take effect later"))

    def on_mistake(self) -> None:
        """Once it is carried out here, who does that tells what has become of it."""
        if not self.closed:
            self._end(Outcome(Code.INTERNAL, MISTAKE))

    def _end(self, outcome: Outcome) -> None:
        self._finish(outcome)
        self.close()
