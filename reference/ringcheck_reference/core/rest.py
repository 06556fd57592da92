"""How long the node, and each key at it, has been at rest: what reaping goes by.

A key rests while nothing that may be reaped comes to it, and nothing of it goes. The node rests while it is in touch
with everybody. Both are counted from the start of the node at the earliest, since nobody knows what it did before,
and only while it runs: the time in which it was paused, or its clock jumped, does not count.
"""

from collections.abc import Iterable
from itertools import islice, takewhile
from typing import Final

from .versions import Context, State

MARGIN: Final = 2
"""So many lifetimes are waited for, by the own clock: it may run up to twice as fast as it should."""
SPARE_DOTS: Final = 32
"""A state with versions is worth reaping when its context has so many entries more than it needs."""


def is_spare(state: State) -> bool:
    """Whether a state remembers enough of what is superseded to be worth reaping; every tombstone does."""
    context = state.context
    entries = len(context.vector) + len(context.loose)
    return bool(entries) and (not state.versions or entries >= len(state.versions) + SPARE_DOTS)


def reaped(state: State) -> State:
    """The state without what it remembers of superseded versions; `State.EMPTY` for a tombstone."""
    if not state.versions:
        return State.EMPTY
    return State.of(state.versions, Context.of(loose=[version.dot for version in state.versions]))


class Rest:
    """Moments are those of a clock that never goes back, in seconds; `lifetime` 0 = nothing is ever reaped."""

    def __init__(self, lifetime: float) -> None:
        self.needed = MARGIN * lifetime
        self._slept = 0.0
        self._since = 0.0
        self._disturbed: dict[bytes, float] = {}
        """When something last came to a key or went, oldest first; what is longer ago than `needed` is taken out."""
        self.waiting: dict[bytes, None] = {}
        """The keys that are worth reaping and have been at rest for long enough, in the order in which to try."""
        self._parting: dict[bytes, tuple[float, frozenset[bytes | None]]] = {}
        """Until when, and the leaves; in the order in which they end."""

    def sleep(self, gap: float) -> None:
        """The node did not run for `gap` seconds."""
        self._slept += gap

    def disturb(self, now: float) -> None:
        """The node is not at rest."""
        self._since = self._lived(now)

    def disturb_key(self, key: bytes, state: State, now: float) -> None:
        """The key's replica is to be `state`. With `State.EMPTY` something of it goes: a copy, or a hint."""
        if self.needed:
            self.waiting.pop(key, None)
            if not state or is_spare(state):
                self._disturbed.pop(key, None)
                self._disturbed[key] = self._lived(now)

    def is_enough(self, now: float) -> bool:
        """Whether the node has been at rest for long enough."""
        return bool(self.needed) and self._lived(now) - self._since >= self.needed

    def is_enough_for(self, key: bytes, now: float) -> bool:
        """Whether the node, and this key at it, have been."""
        moment = self._disturbed.get(key)
        return self.is_enough(now) and (moment is None or self._lived(now) - moment >= self.needed)

    def rested(self, now: float, most: int | None = None) -> list[bytes]:
        """The keys that have been at rest for long enough, once each: so many of them now, and the others later."""
        while self._parting and next(iter(self._parting.values()))[0] <= now:
            del self._parting[next(iter(self._parting))]
        before = self._lived(now) - self.needed
        # All at once: to find the first of a dict takes the longer, the more has been taken from its front.
        due = takewhile(lambda each: each[1] <= before, self._disturbed.items())
        keys = [key for key, _ in islice(due, most)]
        for key in keys:
            del self._disturbed[key]
        return keys

    def part(self, key: bytes, leaves: Iterable[bytes | None], until: float) -> None:
        """Until then one owner may hold the one leaf and another the other, and nobody is to mend that."""
        self._parting.pop(key, None)
        self._parting[key] = (until, frozenset(leaves))

    def is_parting(self, key: bytes, leaves: Iterable[bytes | None], now: float) -> bool:
        """Whether a key's leaves at two owners are those before and after the reaping that is under way."""
        until, known = self._parting.get(key, (now, frozenset()))
        return until > now and known.issuperset(leaves)

    def _lived(self, now: float) -> float:
        return now - self._slept
