"""The search for failing seeds: hands seeds out, takes results, and knows when to stop."""

from collections import deque
from collections.abc import Callable

from ringcheck.exploring.audit import Audit, Difference
from ringcheck.exploring.executor import Chunk, Executor, Tried
from ringcheck.exploring.packing import packed
from ringcheck.exploring.seeds import Seeds
from ringcheck.exploring.tally import Group, Tally, chief, is_grave, key_of

CHUNK = 2
"""Seeds that are handed out together; more would only be given up when time is over."""
POLL_S = 0.1
NOTHING = packed(b"")

Found = Callable[[Tried, Group], None]
"""Called with a seed that fails by a cause that is new."""


class Search:
    """Tries seeds until there are no more, until it is told to stop, or until one fails that should end it.

    Without `keep_going` the first failure by a new cause ends it: the first by its number, not by the clock, so that
    it is the same with any number of workers. Seeds that failed after it count as not tried.
    """

    def __init__(
        self,
        executor: Executor,
        seeds: Seeds,
        tally: Tally,
        audit: Audit,
        *,
        only: tuple[str, ...] = (),
        keep_going: bool = False,
        found: Found = lambda _tried, _group: None,
        differs: Callable[[Difference], None] = lambda _: None,
    ) -> None:
        self._executor = executor
        self._seeds = seeds
        self._tally = tally
        self._audit = audit
        self._only = only
        self._keep_going = keep_going
        self._found = found
        self._differs = differs
        self._is_deterministic = True
        self._failed: dict[int, Tried] = {}
        """Failures by causes that are new, as long as an earlier seed may yet fail."""
        self._again: deque[Chunk] = deque()

    def run(
        self,
        stop: Callable[[], bool] = lambda: False,
        *,
        enough: Callable[[], bool] = lambda: False,
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Search until `stop` says so, at once; when `enough` does, what is under way may end.

        A seed that is under way may be the one that never ends, and nobody would hear of it otherwise. `progress` is
        called now and then. Raises RingcheckError when the executor can do no more.
        """
        try:
            while not stop() and not self._is_over():
                if enough():
                    self._seeds.stop()
                while self._executor.room() and (chunk := self._next()):
                    self._executor.submit(chunk)
                for tried in self._executor.results(POLL_S):
                    self._take(tried)
                progress()
        finally:
            self._settle()

    def _next(self) -> Chunk | None:
        if self._again:
            return self._again.popleft()
        seeds = self._seeds.take(CHUNK)
        if not seeds:
            return None
        return Chunk(seeds=seeds, audited=tuple(seed for seed in seeds if self._audit.wants(seed)))

    def _is_over(self) -> bool:
        if not (self._is_deterministic or self._keep_going):
            return True
        under_way = self._seeds.under_way
        if self._failed:
            return min(under_way, default=min(self._failed) + 1) > min(self._failed)
        return not (under_way or self._audit.waiting or self._seeds.more)

    def _take(self, tried: Tried) -> None:
        seed = tried.result.seed
        if tried.again and not tried.lost:
            self._compare(seed, tried)
            return
        if tried.again:
            self._audit.drop(seed)
        elif self._audit.wants(seed) and tried.history is not None:
            self._audit.keep(seed, tried.history)
            self._again.append(Chunk(seeds=(seed,), audited=(seed,), not_on=tried.worker))
        alarm = chief(tried.result.alarms, self._only)
        ends_it = alarm and is_grave(alarm) and not self._keep_going and key_of(alarm) not in self._tally.groups
        if ends_it:
            self._failed[seed] = tried
            self._seeds.ended(seed)
            self._seeds.stop()
        else:
            self._add(tried)

    def _compare(self, seed: int, tried: Tried) -> None:
        self._tally.audited += 1
        if difference := self._audit.compare(seed, tried.history or NOTHING):
            self._is_deterministic = False
            self._differs(difference)

    def _add(self, tried: Tried) -> None:
        self._seeds.ended(tried.result.seed)
        alarm = chief(tried.result.alarms, self._only)
        if group := self._tally.add(tried.result, alarm, lost=tried.lost):
            self._found(tried, group)

    def _settle(self) -> None:
        """The first failure by its number counts; later ones are left for another time."""
        for place, seed in enumerate(sorted(self._failed)):
            if place == 0:
                self._add(self._failed[seed])
            else:
                self._seeds.give_back(seed)
        self._failed.clear()
