"""What this node knows of the members, and how it comes to know more.

Events are taken in one batch at a time: they are made durable first, and in force afterwards. Whoever speaks of a view
that a crash could take back would have others drop copies on the word of nobody.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from .conversation import Conversation
from .desk import Desk
from .effects import DiskWrite
from .events import Event, MalformedEvent
from .facts import drop_event, put_event
from .gossip import Gossiping
from .messages import Caller, Code, Gossip, NodeId, Refusal
from .view import View, in_order

_NOT_RECALLED: Final = Refusal(Code.FAILED_PRECONDITION, "This node does not recall that view; tell all of yours.")

Learnt = Callable[[bool], None]
"""Called with whether the events are durable here."""


def _nothing(_durable: bool) -> None:
    """Nobody waits."""


@dataclass(slots=True)
class _News:
    """Events that wait for their turn."""

    events: tuple[Event, ...]
    learnt: Learnt
    writes: tuple[DiskWrite, ...]
    changes_digest: bytes


class Membership(Conversation):
    """Takes events in, adopts views, and gossips with whoever has another one."""

    lasts = True

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._waiting: list[_News] = []
        self._under_way: tuple[View, list[_News]] | None = None
        self._gossiping: dict[NodeId, Gossiping] = {}
        self._said: dict[NodeId, tuple[bytes, bytes]] = {}
        """The digests, ours and theirs, after which a gossip with a node ended well."""
        self.watchers: list[Conversation] = []
        """Who wants to be told of every view that is adopted, besides those that wait for it on the desk."""

    def learn(
        self,
        events: Iterable[Event],
        learnt: Learnt = _nothing,
        *,
        writes: tuple[DiskWrite, ...] = (),
        under: bytes = b"",
    ) -> None:
        """Make the events durable, with other writes about the same, and adopt the view that holds them.

        With `under`, only if these are the changes in force when it comes to that.
        """
        self._waiting.append(_News(tuple(events), learnt, writes, under))
        if self._under_way is None:
            self._go_on()

    def on_persisted(self, _token: int, *, durable: bool) -> None:
        """Adopt what is durable; what is not may be heard again."""
        assert self._under_way is not None
        view, batch = self._under_way
        self._under_way = None
        if durable:
            self._adopt(view)
        self._tell(batch, durable=durable)
        if self._under_way is None:
            self._go_on()

    def is_steady(self) -> bool:
        """Whether no other view is on its way to the disk."""
        return self._under_way is None

    def hear(self, node: NodeId, view_digest: bytes) -> None:
        """`node` has a view of this digest; if it is another one than this node's, gossip with it, once at a time."""
        desk = self._desk
        if not view_digest or desk.standing.is_removed:
            return
        desk.standing.hear(node, view_digest)
        if view_digest == desk.view_digest:
            return
        said = (desk.view_digest, view_digest)
        running = self._gossiping.get(node)
        if node in desk.peers and self._said.get(node) != said and (running is None or running.closed):
            self._gossiping[node] = Gossiping(desk, node, self.learn_from, lambda: self._end(node, said))
            desk.begin(self._gossiping[node])

    def learn_from(self, events: Iterable[Event], learnt: Learnt) -> None:
        """As `learn`, of what somebody else says; raises MalformedEvent, and takes in nothing, if it makes no sense."""
        normal = [event.normal() for event in events]
        if any(event.partition >= self._desk.config.partition_count for event in normal):
            raise MalformedEvent("an event is about a partition that there is not")
        self.learn(normal, learnt)

    def answer(self, caller: Caller, request: int, gossip: Gossip) -> None:
        """Take in what a peer knows; once that is durable, tell it what it lacks."""
        desk = self._desk

        def learnt(durable: bool) -> None:
            if durable:
                desk.answer(caller, request, self._lacking(gossip))
            else:
                desk.answer(caller, request, Refusal(Code.INTERNAL, "the disk refused the write"))

        try:
            if gossip.since and gossip.since not in desk.standing.lineage:
                desk.answer(caller, request, _NOT_RECALLED)
            else:
                self.learn_from(gossip.events, learnt)
        except MalformedEvent as error:
            desk.answer(caller, request, Refusal(Code.INVALID_ARGUMENT, str(error)))

    def _lacking(self, gossip: Gossip) -> Gossip | Refusal:
        """What is known here and not to who has told that."""
        standing = self._desk.standing
        if not gossip.since:
            return Gossip(standing.view.lacks(gossip.events))
        if gossip.since not in standing.lineage:
            return _NOT_RECALLED
        return Gossip(standing.lineage.since(gossip.since, gossip.events))

    def _end(self, node: NodeId, said: tuple[bytes, bytes]) -> None:
        self._said[node] = said

    def _go_on(self) -> None:
        """Take what waits, all of it together."""
        while self._waiting and self._under_way is None:
            waiting, self._waiting = self._waiting, []
            in_force = self._desk.standing.view.changes_digest
            batch = [news for news in waiting if news.changes_digest in (b"", in_force)]
            stale = [news for news in waiting if news.changes_digest not in (b"", in_force)]
            self._persist(batch)
            self._tell(stale, durable=False)

    def _persist(self, batch: list[_News]) -> None:
        before = self._desk.standing.view
        view = before.union(event for news in batch for event in news.events)
        writes: list[DiskWrite] = [write for news in batch for write in news.writes]
        if view is not before:
            growth = view.growth(before)
            writes += map(put_event, in_order(growth.added))
            writes += map(drop_event, in_order(growth.dropped))
        if writes:
            self._under_way = (view, batch)
            self._desk.persist_facts(tuple(writes), self)
        else:
            self._tell(batch, durable=True)

    def _tell(self, batch: list[_News], *, durable: bool) -> None:
        """A mistake of one of those who wait is no reason not to tell the others, or not to go on."""
        for news in batch:
            try:
                news.learnt(durable)
            except Exception as error:
                self._desk.mistaken(error)

    def _adopt(self, view: View) -> None:
        if view is self._desk.standing.view:
            return
        self._desk.adopt(view)
        for watcher in self.watchers:
            try:
                watcher.on_view()
            except Exception as error:
                self._desk.mistaken(error, watcher)
