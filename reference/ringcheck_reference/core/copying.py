"""Fetching from one node what this one lacks of some partitions that it is taking over."""

from collections.abc import Callable, Iterable
from typing import Final

from .antientropy import Exchange
from .desk import Desk
from .encoding import encode_state
from .messages import (
    AnswerBody,
    Code,
    LeavesQuery,
    NodeId,
    NodesQuery,
    Refusal,
    Release,
    Released,
    RequestBody,
    RootsQuery,
)
from .versions import State

_TREES: Final = (RootsQuery, NodesQuery, LeavesQuery)
_ATTEMPTS: Final = 10
_AGAIN_S: Final = 0.05
"""What was refused is asked again so much later, and so many times at the most."""


class Copying(Exchange):
    """Fetches from `peer` what this node lacks of some partitions; `done` is called with whether it has all of it."""

    def __init__(self, desk: Desk, peer: NodeId, partitions: tuple[int, ...], done: Callable[[bool], None]) -> None:
        super().__init__(desk, peer, partitions)
        self._done = done
        self._refused: list[RequestBody] = []
        """What is to be asked again."""
        self._may_ask_again = _ATTEMPTS

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

    def on_time(self) -> None:
        """Ask again what was refused."""
        refused, self._refused = self._refused, []
        for query in refused:
            self._ask(query)
        super().on_time()

    def _understand(self, query: RequestBody, body: AnswerBody) -> bool:
        """While partitions are taken over view follows on view: who agrees on the members is about to hear of this one.

        Until then it refuses to tell of its trees.
        """
        is_about_view = isinstance(body, Refusal) and body.code == Code.FAILED_PRECONDITION
        if is_about_view and isinstance(query, _TREES) and self._desk.standing.agrees(self._peer):
            if not self._refused:
                self._may_ask_again -= 1
                self._desk.wake(self, self._desk.now + _AGAIN_S)
            self._refused.append(query)
            return self._may_ask_again >= 0
        return super()._understand(query, body)

    def _proceed(self) -> None:
        """It is not over as long as there is something to ask again."""
        if not self._refused:
            super()._proceed()

    def _worth_reading(self, _ours: Iterable[bytes], theirs: Iterable[bytes]) -> list[bytes]:
        """Only what they hold."""
        return sorted(theirs)

    def _is_parting(self, _key: bytes, _ours: bytes | None, _theirs: bytes | None) -> bool:
        """What is being reaped is taken, too: this node may have been asked about it as another kind of owner."""
        return False

    def _reconcile(self, key: bytes, theirs: State) -> None:
        """Theirs is merged here. Where they lack something it is not theirs to hold any more, or anti-entropy's."""
        ours = self._desk.replica.latest(key)
        if theirs and (ours.merge(theirs) != ours or self._desk.replica.durable(key) != ours):
            size = len(key) + len(encode_state(theirs))
            self._merges[self._desk.store_replica(key, theirs, self)] = size


class Relieving(Copying):
    """Has `peer` release the partitions, and fetches what it holds then."""

    def start(self) -> None:
        """Ask for it."""
        self._desk.wake(self, self._patience.ends)
        self._unreleased = set(self._partitions)
        for partition in self._partitions:
            self._ask(Release(partition, self._desk.standing.view.changes_digest, without_leaves=True))

    def _understand(self, query: RequestBody, body: AnswerBody) -> bool:
        """From the mark on nothing comes to it that an owner would have to have; so what is there now is compared.

        Who tells its leaves besides does not know that they are not wanted.
        """
        if not isinstance(query, Release):
            return super()._understand(query, body)
        if not isinstance(body, Released) or body.partition != query.partition:
            return False
        self._unreleased.discard(body.partition)
        if not self._unreleased:
            self._ask(RootsQuery(self._partitions))
        return True
