"""A whole exploration: what it finds, keeps, tells, and how it goes on."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.harness.exploring import parts

from ringcheck.errors import UsageError
from ringcheck.exploring.exploration import MOST_STORIES, explore
from ringcheck.exploring.folder import newest
from ringcheck.exploring.news import Began, Differed, Drawn, Failed, Finding, News, Outcome, SavedTried
from ringcheck.exploring.options import USUAL_TIME_S, Options, settled
from ringcheck.exploring.trial import BROKE
from ringcheck.history_file import read_history
from ringcheck.judging import judge


class Heard(list[News]):
    """News, for looking into."""

    def of(self, kind: type[Any]) -> list[Any]:
        """Those of one kind."""
        return [news for news in self if isinstance(news, kind)]


def run(out: Path, core: str = "forgets", **options: Any) -> tuple[Outcome, Heard]:
    """Explore a core of `parts` in this process, from seed 0 unless it is said otherwise."""
    heard = Heard()
    if not options.keys() & {"first", "resume", "seed"}:
        options["first"] = 0
    if "seed" not in options:
        options.setdefault("seeds", 30)
    name = parts.TINY if core == "tiny" else parts.name(core)
    settings: dict[str, Any] = {"core": name, "source": parts.name("source"), "out": out, "workers": 0, **options}
    return explore(Options(**settings), [heard.append]), heard


def test_nothing_found_is_0_and_counted(tmp_path: Path) -> None:
    """An honest core; some of the seeds were tried twice."""
    outcome, heard = run(tmp_path, "tiny", audit=0.1)
    assert (outcome.exit_code, outcome.tally.seeds, outcome.tally.audited) == (0, 30, 3)
    assert outcome.tally.held["SIB-04"]
    assert heard.of(Began)[0].first == 0
    assert heard[-1] == outcome


def test_a_failure_is_found_shrunk_and_told(tmp_path: Path) -> None:
    """The first one ends it; both histories show it, and the small one is small."""
    outcome, heard = run(tmp_path)
    (finding,) = outcome.findings
    assert outcome.exit_code == 1
    assert (finding.seed, finding.alarm.requirement, finding.steps) == (7, "DUR-01", len(parts.source.draw(7).steps))
    assert finding.schedule is not None
    assert len(finding.schedule.steps) == 2
    for path in (finding.history, finding.original):
        assert judge(read_history(Path(path))).findings["DUR-01"].breaches
    assert read_history(Path(finding.history)).header.schedule == finding.schedule
    assert heard.of(Failed)[0].history == finding.original
    assert outcome.following < 30


def test_who_goes_on_after_a_failure_leaves_no_seed_out(tmp_path: Path) -> None:
    """Also those that were handed out with the one that failed, and not tried."""
    outcome, _ = run(tmp_path, first=7)
    assert [finding.seed for finding in outcome.findings] == [7]
    assert outcome.tally.seeds == 1
    assert outcome.following == 8


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_find_the_same(tmp_path: Path, workers: int) -> None:
    """The same first failure and the same small schedule, with any number of them."""
    alone, _ = run(tmp_path / "alone")
    together, _ = run(tmp_path / "together", workers=workers)
    assert [each.seed for each in together.findings] == [7]
    assert together.findings[0].schedule == alone.findings[0].schedule
    assert together.findings[0].alarm == alone.findings[0].alarm
    assert together.differences == ()


def test_what_was_saved_is_tried_first(tmp_path: Path) -> None:
    """A bug that is still there is reported before any seed."""
    run(tmp_path)
    again, heard = run(tmp_path, first=1_000)
    (finding,) = again.findings
    assert (again.exit_code, again.tally.seeds, finding.seed, finding.original) == (1, 0, None, "")
    assert judge(read_history(Path(finding.history))).findings["DUR-01"].breaches
    assert heard.of(SavedTried)[0].schedules == 1


def test_a_saved_example_that_no_longer_fails_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever mends a bug sees it at once, and the exploration goes on with seeds."""
    run(tmp_path)
    mended = parts.Kit(lambda _core, _key: True)
    monkeypatch.setattr("ringcheck.worlds.simulated.world.load_kit", lambda _: mended)
    outcome, heard = run(tmp_path, seeds=10)
    assert heard.of(SavedTried) == [SavedTried(schedules=1)]
    assert (outcome.exit_code, outcome.tally.seeds) == (0, 10)
    assert run(tmp_path, seeds=10)[1].of(SavedTried) == []


def test_keep_going_groups_by_cause(tmp_path: Path) -> None:
    """Every cause is told once, by its first seed; all of them are counted."""
    outcome, _ = run(tmp_path, seeds=60, keep_going=True)
    (group,) = outcome.tally.groups.values()
    (finding,) = outcome.findings
    assert (group.count, group.seeds, outcome.tally.seeds) == (6, [7, 17, 27, 37, 47], 60)
    assert finding.seed == 7


def test_keep_going_goes_on_after_a_saved_example(tmp_path: Path) -> None:
    """It is counted as a cause, and not told again when a seed fails by it."""
    run(tmp_path)
    outcome, _ = run(tmp_path, keep_going=True)
    assert [finding.seed for finding in outcome.findings] == [None]
    assert outcome.tally.seeds == 30


def test_without_shrinking_a_failure_is_told_as_it_was_found(tmp_path: Path) -> None:
    """Nothing is saved for the next time."""
    outcome, _ = run(tmp_path, shrink=False)
    (finding,) = outcome.findings
    assert finding.schedule == parts.source.draw(7)
    assert finding.why_not
    assert not (tmp_path / "examples").exists()


def test_a_selection_ignores_other_failures(tmp_path: Path) -> None:
    """They are counted all the same."""
    outcome, _ = run(tmp_path, only=("KV-01", "SIB-04"))
    assert (outcome.exit_code, outcome.findings, outcome.tally.seeds) == (0, (), 30)
    assert outcome.tally.broken["DUR-01"] == 3


def test_a_core_that_raises_is_4_with_a_small_schedule(tmp_path: Path) -> None:
    """The history ends with what the core said."""
    outcome, _ = run(tmp_path, "raises")
    (finding,) = outcome.findings
    assert (outcome.exit_code, finding.alarm.requirement) == (4, BROKE)
    assert finding.schedule is not None
    assert len(finding.schedule.steps) == 2
    assert "cannot store" in judge(read_history(Path(finding.history))).broke


def test_a_core_that_cannot_start_is_4_and_nothing_was_verified(tmp_path: Path) -> None:
    """The alarm tells it, since no history can."""
    outcome, _ = run(tmp_path, "stillborn")
    (finding,) = outcome.findings
    assert (outcome.exit_code, finding.history) == (4, "")
    assert "no luck" in finding.alarm.reason


def test_a_core_that_kills_its_process_is_4(tmp_path: Path) -> None:
    """It is not tried again in this process, which would not survive it."""
    outcome, _ = run(tmp_path, "dies", workers=1)
    (finding,) = outcome.findings
    assert (outcome.exit_code, finding.seed, finding.history) == (4, 7, "")
    assert finding.schedule == parts.source.draw(7)
    assert "SIGKILL" in finding.alarm.reason


@pytest.mark.parametrize("options", [{"seed": 7}, {"workers": 0}, {"workers": 1}])
def test_a_core_that_exits_is_4_with_a_small_schedule(tmp_path: Path, options: dict[str, int]) -> None:
    """With os._exit, which would end this process in silence, and with 0, as if nothing had been found."""
    outcome, _ = run(tmp_path, "exits", **options)
    (finding,) = outcome.findings
    assert (outcome.exit_code, finding.seed, finding.alarm.requirement) == (4, 7, BROKE)
    assert finding.schedule is not None
    assert len(finding.schedule.steps) == 2
    assert "it called os._exit(0)" in finding.alarm.reason


@pytest.mark.parametrize(("core", "workers"), [("dice", 0), ("hashing", 2)])
def test_a_core_that_is_not_deterministic_is_4(tmp_path: Path, core: str, workers: int) -> None:
    """Both histories of the seed are kept; the order of a set shows in another process only."""
    outcome, heard = run(tmp_path, core, workers=workers, audit=1.0)
    assert outcome.exit_code == 4
    differed = outcome.differences[0]
    assert heard.of(Differed)[0] == differed
    one, other = (Path(path).read_bytes().splitlines() for path in differed.histories)
    assert one[: differed.line - 1] == other[: differed.line - 1]
    assert one[differed.line - 1 : differed.line] != other[differed.line - 1 : differed.line]


def test_a_source_that_fails_is_a_problem(tmp_path: Path) -> None:
    """What was found before is told."""
    outcome, _ = run(tmp_path, "tiny", source=parts.name("broken_source"))
    assert outcome.exit_code == 4
    assert "failed on seed 3" in outcome.problems[0]
    assert outcome.tally.seeds == 3


def test_one_seed_keeps_its_history_whatever_comes_of_it(tmp_path: Path) -> None:
    """And nobody resumes it."""
    outcome, heard = run(tmp_path, "tiny", seed=8)
    (drawn,) = heard.of(Drawn)
    assert (outcome.exit_code, outcome.tally.seeds) == (0, 1)
    assert drawn.schedule == parts.source.draw(8) == read_history(Path(drawn.history)).header.schedule
    with pytest.raises(UsageError, match="to resume"):
        run(tmp_path, "tiny", resume=True)


def test_one_seed_that_fails_is_shrunk(tmp_path: Path) -> None:
    """As any other."""
    outcome, _ = run(tmp_path, seed=17)
    (finding,) = outcome.findings
    assert (outcome.exit_code, finding.seed) == (1, 17)
    assert finding.schedule is not None
    assert len(finding.schedule.steps) == 2


def test_resuming_goes_on_with_the_next_seed_and_all_that_is_known(tmp_path: Path) -> None:
    """Two halves are as one whole; a known cause does not end the second."""
    whole, _ = run(tmp_path / "whole", seeds=40, keep_going=True)
    first, _ = run(tmp_path / "halves", seeds=15)
    second, heard = run(tmp_path / "halves", resume=True, seeds=40 - first.tally.seeds)
    assert first.findings
    assert second.findings == ()
    assert second.exit_code == 1
    assert second.tally.groups.keys() == whole.tally.groups.keys()
    assert (second.tally.seeds, second.tally.held, second.tally.events) == (40, whole.tally.held, whole.tally.events)
    assert heard.of(Began)[0].resumed == first.tally.seeds


def test_everything_is_written_down(tmp_path: Path) -> None:
    """The log is what was heard, but for what comes many times a second; the summary is the outcome."""
    outcome, heard = run(tmp_path)
    folder, state = newest(tmp_path, parts.name("forgets"), parts.name("source"))
    lines = folder.log.read_bytes().splitlines()
    kinds = Began | Failed | Finding | Outcome
    assert [msgspec.json.decode(line, type=kinds) for line in lines] == heard.of(kinds)  # type: ignore[arg-type]
    assert msgspec.json.decode(folder.summary.read_bytes(), type=Outcome) == outcome
    assert state.tally == outcome.tally
    assert (tmp_path / "latest").resolve() == folder.root


def test_many_causes_are_told_up_to_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The most frequent first; the others are in the tally."""
    words = iter(range(1_000))

    def fail(_core: Any, key: bytes) -> bool:
        if key.endswith(b"bug"):
            raise ValueError("".join(chr(97 + int(digit)) for digit in str(next(words))))
        return True

    monkeypatch.setattr("ringcheck.worlds.simulated.world.load_kit", lambda _: parts.Kit(fail))
    outcome, _ = run(tmp_path, seeds=200, keep_going=True, shrink=False, audit=0.0)
    assert len(outcome.tally.groups) > MOST_STORIES
    assert len(outcome.findings) == MOST_STORIES


def test_a_time_is_usual_where_nothing_limits_it() -> None:
    """A number of seeds, or a time, does."""
    assert settled(Options()).time_s == USUAL_TIME_S
    assert settled(Options(seeds=3)).time_s is None
    assert settled(Options(time_s=3.0)).seeds is None
