"""The search: it ends where it should, with the same failure however many try, and compares what is tried twice."""

import random
from collections.abc import Sequence

import pytest

from ringcheck.exploring.audit import Audit, Difference
from ringcheck.exploring.executor import Chunk, Tried
from ringcheck.exploring.packing import packed
from ringcheck.exploring.search import Search
from ringcheck.exploring.seeds import Position, Seeds
from ringcheck.exploring.tally import Group, Tally
from ringcheck.exploring.trial import Alarm, Result

lost = Alarm(requirement="DUR-01", cause="gone")
slow = Alarm(requirement="RR-01", cause="slow")
other = Alarm(requirement="SIB-01", cause="other")


class Scattered:
    """An executor whose results come in any order, from as many workers as it has."""

    def __init__(self, alarms: dict[int, Alarm], workers: int, chance: int = 0, drifting: int = -1) -> None:
        self.submitted: list[Chunk] = []
        self._alarms = alarms
        self._workers = workers
        self._random = random.Random(chance)
        self._drifting = drifting
        self._ready: list[Tried] = []

    def room(self) -> int:
        """Two chunks a worker."""
        return 2 * self._workers - len(self._ready) // 4

    def submit(self, chunk: Chunk) -> None:
        """Try it at once, and keep the results back."""
        self.submitted.append(chunk)
        worker = f"w{self._random.randrange(self._workers)}"
        for seed in chunk.seeds:
            alarm = self._alarms.get(seed)
            result = Result(seed=seed, alarms=(alarm,) if alarm else (), held={"KV-01": 1})
            history = packed(b"again" if seed == self._drifting and chunk.not_on else b"history")
            self._ready.append(
                Tried(
                    worker=worker,
                    result=result,
                    history=history if seed in chunk.audited else None,
                    again=bool(chunk.not_on),
                )
            )

    def results(self, within_s: float) -> Sequence[Tried]:
        """Any one of them."""
        return (self._ready.pop(self._random.randrange(len(self._ready))),) if self._ready else ()

    def longest(self) -> None:
        """Nobody asks."""

    def close(self) -> None:
        """Nothing."""


def search(
    executor: Scattered,
    *,
    seeds: int | None = 100,
    tally: Tally | None = None,
    keep_going: bool = False,
    share: float = 0,
) -> tuple[Tally, Seeds, list[int], list[Difference]]:
    """Search from 0 on; the tally, the seeds, the seeds that were news, the differences."""
    tally = Tally() if tally is None else tally
    kept = Seeds(Position(first=0, following=0), seeds)
    news: list[int] = []
    differences: list[Difference] = []
    found = Search(
        executor,
        kept,
        tally,
        Audit(share),
        keep_going=keep_going,
        found=lambda tried, _group: news.append(tried.result.seed),
        differs=differences.append,
    )
    found.run()
    return tally, kept, news, differences


def test_all_seeds_are_tried_once() -> None:
    """Where nothing fails, the number of seeds ends it."""
    executor = Scattered({}, 3)
    tally, seeds, news, _ = search(executor)
    assert sorted(seed for chunk in executor.submitted for seed in chunk.seeds) == list(range(100))
    assert (tally.seeds, news, seeds.position.missing) == (100, [], ())


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("chance", range(5))
def test_the_first_failure_is_the_same_however_results_come(workers: int, chance: int) -> None:
    """Seeds 11, 12 and 30 fail: 11 is reported, and the others count as not tried."""
    tally, seeds, news, _ = search(Scattered({11: lost, 12: other, 30: lost}, workers, chance), seeds=None)
    assert news == [11]
    assert [group.seeds for group in tally.groups.values()] == [[11]]
    position = seeds.position
    assert set(range(11)).isdisjoint(position.missing)
    assert 12 in position.missing or position.following <= 12


def test_what_only_warns_does_not_end_it() -> None:
    """A SHOULD is news, and the search goes on."""
    tally, _, news, _ = search(Scattered({3: slow, 5: slow}, 2))
    assert (tally.seeds, len(news), tally.failing) == (100, 1, 2)


def test_a_known_cause_does_not_end_it() -> None:
    """An exploration that is resumed does not stop at what it has told already."""
    known = Tally(groups={f"{lost.requirement}: {lost.cause}": Group(alarm=lost, count=1, seeds=[1])})
    tally, _, news, _ = search(Scattered({3: lost}, 2), tally=known)
    assert (tally.seeds, news) == (100, [])


def test_keep_going_counts_all_by_cause() -> None:
    """Each cause is news once."""
    tally, _, news, _ = search(Scattered({3: lost, 4: other, 50: lost}, 2), keep_going=True)
    assert len(news) == 2
    assert {group.alarm.requirement: group.count for group in tally.groups.values()} == {"DUR-01": 2, "SIB-01": 1}


def test_a_share_is_tried_twice_and_somewhere_else() -> None:
    """The second time is asked not to be on the worker of the first."""
    executor = Scattered({}, 2)
    tally, *_ = search(executor, share=0.1)
    again = [chunk for chunk in executor.submitted if chunk.not_on]
    assert (len(again), tally.audited, tally.seeds) == (10, 10, 100)


def test_a_difference_ends_it_and_names_the_seed() -> None:
    """Where a core is not deterministic, nothing that it shows can be shown again."""
    tally, _, _, differences = search(Scattered({}, 2, drifting=20), share=0.1, seeds=None)
    assert [each.seed for each in differences] == [20]
    assert tally.seeds < 1_000


def test_keep_going_goes_on_after_a_difference() -> None:
    """It is the user's wish."""
    tally, _, _, differences = search(Scattered({}, 2, drifting=20), share=0.1, keep_going=True)
    assert (len(differences), tally.seeds) == (1, 100)


def test_what_is_under_way_when_it_is_enough_still_ends() -> None:
    """A seed that never ends would not be heard of otherwise; whoever stops it does not wait."""
    executor, kept, tally = Scattered({}, 2), Seeds(Position(first=0, following=0)), Tally()
    Search(executor, kept, tally, Audit(0)).run(enough=lambda: tally.seeds >= 10)
    assert kept.under_way == ()
    assert tally.seeds == kept.position.following >= 10

    executor, kept, tally = Scattered({}, 2), Seeds(Position(first=0, following=0)), Tally()
    Search(executor, kept, tally, Audit(0)).run(lambda: tally.seeds >= 10)
    assert tally.seeds == 10
    assert len(kept.position.missing) == kept.position.following - 10
