"""Gossip: two nodes whose views differ tell each other what they know, and end with the union."""

from collections.abc import Callable, Iterable

from .conversation import Conversation
from .desk import Desk
from .events import Event, MalformedEvent
from .messages import AnswerBody, Gossip, NodeId
from .view import in_order

LearnFrom = Callable[[Iterable[Event], Callable[[bool], None]], None]


class Gossiping(Conversation):
    """One push and pull with `peer`; it is over once what came back is durable here. `agreed` is called if it is."""

    def __init__(self, desk: Desk, peer: NodeId, learn: LearnFrom, agreed: Callable[[], None]) -> None:
        self._desk = desk
        self._peer = peer
        self._learn = learn
        self._agreed = agreed

    def start(self) -> None:
        """Say all that is known."""
        self._desk.wake(self, self._desk.now + self._desk.config.request_timeout)
        self._desk.ask(self._peer, Gossip(in_order(self._desk.standing.view.events)), self)

    def on_answer(self, _request: int, _sender: NodeId, body: AnswerBody) -> None:
        """Take in what the peer knows besides."""
        if not isinstance(body, Gossip):
            self.close()
            return
        try:
            self._learn(body.events, self._learnt)
        except MalformedEvent:
            self.close()

    def on_failure(self, _request: int, _to: NodeId, _sent: bool) -> None:
        """The peer is out of reach; the next envelope from it begins anew."""
        self.close()

    def on_time(self) -> None:
        """Do not wait for ever for an answer that got lost."""
        self.close()

    def _learnt(self, durable: bool) -> None:
        if durable:
            self._agreed()
        self.close()
