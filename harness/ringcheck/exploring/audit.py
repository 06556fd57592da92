"""Whether one seed is one history: a share of the seeds is tried twice, and compared byte by byte.

The second time is in another process where there is one, and after other seeds. What differs is told by the first line
that does: header (the schedule was drawn differently), an event, or the footer (other random numbers were drawn).
"""

import math
from itertools import zip_longest

import msgspec

from ringcheck.exploring.packing import unpacked

USUAL_SHARE = 0.02


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A seed with two histories; `line` is the first that differs, from 1 up."""

    seed: int
    line: int
    one: bytes
    other: bytes


class Audit:
    """Remembers the first history of each audited seed, packed, until the second has come."""

    def __init__(self, share: float = USUAL_SHARE, first: int = 0) -> None:
        self._share = share
        self._first = first
        self._waiting: dict[int, bytes] = {}
        self.compared = 0

    @property
    def waiting(self) -> int:
        """How many seeds wait for their second history."""
        return len(self._waiting)

    def wants(self, seed: int) -> bool:
        """Whether a seed is to be tried twice: the first of all, then evenly."""
        place = seed - self._first
        return math.ceil((place + 1) * self._share) > math.ceil(place * self._share)

    def keep(self, seed: int, history: bytes) -> None:
        """The first history of a seed, packed."""
        self._waiting[seed] = history

    def drop(self, seed: int) -> None:
        """There will be no second history of this seed."""
        self._waiting.pop(seed, None)

    def compare(self, seed: int, again: bytes) -> Difference | None:
        """The second history of a seed, packed as well; None if it is as the first."""
        once = self._waiting.pop(seed)
        self.compared += 1
        # What is packed differs where what it was differs, and only then has to be unpacked.
        return None if once == again else difference(seed, unpacked(once), unpacked(again))


def difference(seed: int, one: bytes, other: bytes) -> Difference | None:
    """How two histories of one seed differ; None if they do not."""
    if one == other:
        return None
    pairs = zip_longest(one.splitlines(), other.splitlines())
    line = next((number for number, (a, b) in enumerate(pairs, start=1) if a != b), 0)
    return Difference(seed=seed, line=line, one=one, other=other)
