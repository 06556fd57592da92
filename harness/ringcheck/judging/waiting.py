"""Writes that wait for something to happen."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from operator import attrgetter

from ringcheck.judging.operations import Operation


class Waiting:
    """Operations of which each is taken once: when something has happened since its `moment`, and it had ended.

    They are given in the order of their moments.
    """

    def __init__(self, operations: Iterable[Operation], moment: Callable[[Operation], float] | None = None) -> None:
        self._operations = list(operations)
        self._moment = moment or attrgetter("start")

    def ripe(self, happened: float, until: float) -> list[Operation]:
        """Those that can be taken when something last happened at `happened`, of those that had ended by `until`."""
        return [each for each in self._operations[: self._place(happened)] if each.stop <= until]

    def take(self, happened: float, until: float) -> list[Operation]:
        """The same, which wait no longer."""
        place = self._place(happened)
        ripe = self._operations[:place]
        late = [each for each in ripe if each.stop > until]
        self._operations[:place] = late
        return [each for each in ripe if each.stop <= until] if late else ripe

    def _place(self, happened: float) -> int:
        return bisect_right(self._operations, happened, key=self._moment)
