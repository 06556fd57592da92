"""Gossip: two nodes whose views differ tell each other what they know, and end with the union."""

from collections.abc import Callable, Iterable

from .conversation import Conversation
from .desk import Desk
from .events import Event, MalformedEvent
from .messages import KNOWS_SINCE, AnswerBody, Code, Gossip, NodeId, Refusal
from .view import in_order

LearnFrom = Callable[[Iterable[Event], Callable[[bool], None]], None]


def telling(desk: Desk, peer: NodeId) -> Gossip:
    """What `peer` is to be told, who may be no peer: all that is known, or what it is sure to lack of that."""
    known = desk.peers.get(peer)
    since = desk.standing.common(peer) if known is not None and known.protocol >= KNOWS_SINCE else b""
    if since:
        return Gossip(desk.standing.lineage.since(since), since)
    return Gossip(in_order(desk.standing.view.events))


def is_not_recalled(body: AnswerBody) -> bool:
    """Whether this may refuse a Gossip because of the view that it goes by."""
    return isinstance(body, Refusal) and body.code == Code.FAILED_PRECONDITION


class Gossiping(Conversation):
    """One push and pull with `peer`; it is over once what came back is durable here. `agreed` is called if it is."""

    def __init__(self, desk: Desk, peer: NodeId, learn: LearnFrom, agreed: Callable[[], None]) -> None:
        self._desk = desk
        self._peer = peer
        self._learn = learn
        self._agreed = agreed
        self._since = b""

    def start(self) -> None:
        """Say all that is news."""
        self._desk.wake(self, self._desk.now + self._desk.config.request_timeout)
        self._tell()

    def _tell(self) -> None:
        gossip = telling(self._desk, self._peer)
        self._since = gossip.since
        self._desk.ask(self._peer, gossip, self)

    def on_answer(self, _request: int, _sender: NodeId, body: AnswerBody) -> None:
        """Take in what the peer knows besides."""
        if self._since and is_not_recalled(body):
            self._desk.standing.doubt_common(self._peer)
            self._tell()
            return
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
