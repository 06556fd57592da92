"""From a failing schedule to a small one: all the way, or as far as somebody lets it."""

from pathlib import Path

from tests.harness.exploring import parts

from ringcheck.exploring.shrinking import shrink
from ringcheck.exploring.trial import Trials
from ringcheck.schedule import Put, Settle


def trials(source: parts.Source = parts.source) -> Trials:
    """Of the core that forgets."""
    return Trials(parts.forgets, source, name="forgets")


def test_the_smallest_schedule_is_found_and_kept(tmp_path: Path) -> None:
    """One put to the forgotten key, and a settle."""
    alarm = trials()(7).alarms[0]
    tries: list[tuple[int, int]] = []
    shrunk = shrink(trials(), 7, alarm, tmp_path, tried=lambda count, steps: tries.append((count, steps)))
    assert [type(step) for step in shrunk.schedule.steps] == [Put, Settle]
    assert shrunk.why_not == ""
    assert [count for count, _ in tries] == list(range(1, shrunk.tries + 1))
    assert tries[-1][1] == 2
    assert trials().source.replay_saved(trials().fails_alike("DUR-01"), tmp_path) == shrunk.schedule


def test_whoever_stops_it_has_the_smallest_so_far(tmp_path: Path) -> None:
    """It says that there may be a smaller one."""
    alarm = trials()(7).alarms[0]
    tries: list[int] = []
    shrunk = shrink(
        trials(), 7, alarm, tmp_path, tried=lambda _, steps: tries.append(steps), stopped=lambda: len(tries) >= 3
    )
    assert shrunk.why_not == "shrinking was interrupted"
    assert len(shrunk.schedule.steps) == tries[-1] < len(parts.source.draw(7).steps)
    assert trials().fails_alike("DUR-01")(shrunk.schedule)


def test_a_source_that_cannot_shrink_leaves_what_was_drawn(tmp_path: Path) -> None:
    """The failure is told all the same."""

    class Stubborn(parts.Source):
        def shrink(self, *_: object) -> object:  # type: ignore[override]
            raise NotImplementedError("not today")

    shrunk = shrink(trials(Stubborn()), 7, trials()(7).alarms[0], tmp_path)
    assert shrunk.schedule == parts.source.draw(7)
    assert shrunk.why_not == "shrinking gave up: NotImplementedError: not today"
