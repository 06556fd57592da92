"""The verdict on memory: what was not seen is not flat."""

from collections.abc import Callable

import pytest
from tests.benchmarks import memory
from tests.benchmarks.memory import Life, Sample

SECONDS = 400


def life(name: str, mb: Callable[[int], float], seconds: range = range(SECONDS), seeds: int = 10) -> Life:
    """A process that was looked at once a second, and what it held then."""
    lived = Life(name, SECONDS)
    lived.samples += [Sample(at, mb(at), seeds * at) for at in seconds]
    return lived


steady = life("parent", lambda _: 60.0)


def verdict(*workers: Life, parent: Life = steady, count: int = 1) -> tuple[bool, str]:
    """Within a tenth."""
    return memory.verdict(parent, workers, count, 0.1)


def test_what_warms_up_and_stays_is_flat() -> None:
    """The first quarter does not count, nor does a little more."""
    worker = life("worker", lambda at: 80.0 + min(at, 50) + at % 3)
    assert verdict(worker) == (True, "flat: from the second quarter to the last, by +0.0% at most")
    assert worker.slope == pytest.approx(0, abs=1)
    assert worker.seeds == 10 * (SECONDS - 1)


def test_what_grows_is_not_flat() -> None:
    """Whichever of them, and even if only its peaks do."""
    grows = life("worker", lambda at: 80.0 + at / 10)
    assert grows.slope == pytest.approx(360)
    peaks = life("worker", lambda at: 80.0 + (at if at % 50 == 0 else 0))
    for found in (verdict(grows), verdict(peaks), verdict(life("worker", lambda _: 80.0), parent=grows)):
        assert not found[0]
        assert "NOT FLAT" in found[1]


@pytest.mark.parametrize(
    ("workers", "parent", "words"),
    [
        ([], steady, "0 workers were seen instead of 1"),
        ([life("worker", lambda _: 1.0, range(300)), life("another", lambda _: 1.0, range(300, 400))], steady,
         "some were replaced"),
        ([life("worker", lambda _: 1.0, range(300))], steady, "worker did not live long enough"),
        ([life("worker", lambda _: 1.0)], life("parent", lambda _: 1.0, range(0)), "looked at 0 times"),
        ([life("worker", lambda _: 1.0)], life("parent", lambda _: 1.0, seeds=0), "no seed was tried"),
    ],
)  # fmt: skip
def test_what_was_not_seen_is_not_flat(workers: list[Life], parent: Life, words: str) -> None:
    """Nor is a worker that another one took the place of."""
    flat, line = verdict(*workers, parent=parent)
    assert not flat
    assert words in line


def test_seeds_that_broke_something_are_told() -> None:
    """By the exit code of the exploration, or by its report: a SHOULD ends with 0; and how to see it again."""
    report = "\nFAIL RR-01 (SHOULD) A Get that met …\n  the seed again        ringcheck explore --seed 7\n"
    assert memory.cleanliness(0, "nothing found") == (True, "clean: no seed broke a requirement")
    for code, output in ((1, "cut off"), (0, report), (1, report)):
        clean, told = memory.cleanliness(code, output)
        assert not clean
        assert told.startswith("NOT CLEAN")
        assert ("ringcheck explore --seed 7" in told) == (output == report)


def test_the_table_has_a_line_for_each() -> None:
    """Also for one that was seen for a moment only."""
    heads, _, *lines = memory.table((steady, life("worker 1", lambda at: at, range(100, 105))))
    assert "quarter 4" in heads
    assert lines[0].split() == ["parent", *["60.0"] * 8, "+0.0", "3,990"]
    assert lines[1].split() == ["worker", "1", "-", "102.0", "104.0", "-", "-", "-", "40"]
