"""One seed: what comes of it, on cores that are right, wrong, and worse."""

from pathlib import Path

import pytest
from tests.harness.exploring import parts

from ringcheck.errors import UsageError
from ringcheck.exploring.executor import content
from ringcheck.exploring.trial import BROKE, SourceError, Trials, load_source
from ringcheck.schedule import Schedule


def trials(kit: object = parts.tiny, source: parts.Source = parts.source) -> Trials:
    """Of a core of `parts`."""
    return Trials(kit, source, name="planted")  # type: ignore[arg-type]


def test_an_honest_core_raises_no_alarm() -> None:
    """Something was seen to hold, and what it took is counted."""
    result = trials()(7)
    assert result.alarms == ()
    assert result.held["SIB-04"]
    assert result.profiles == ("describe", "kv")
    assert result.messages
    assert result.simulated_s > 1


def test_a_planted_bug_raises_an_alarm_whose_cause_is_general() -> None:
    """Two seeds that fail alike have one cause, though they differ in what they wrote and when."""
    first, second = (trials(parts.forgets)(seed).alarms[0] for seed in (7, 17))
    assert first.requirement == second.requirement == "DUR-01"
    assert first.cause == second.cause
    assert first.reason


def test_a_core_that_raises_is_an_alarm() -> None:
    """Its exception is the cause."""
    (alarm,) = trials(parts.raises)(7).alarms
    assert alarm.requirement == BROKE
    assert "ValueError: cannot store" in alarm.cause


def test_a_core_that_cannot_be_started_is_an_alarm_with_its_traceback() -> None:
    """There is no history that could tell it."""
    result, history = trials(parts.stillborn).attempt(7)
    (alarm,) = result.alarms
    assert history is None
    assert "OSError: no luck" in alarm.cause
    assert "Traceback" in alarm.reason
    assert trials(parts.stillborn).fails_alike(BROKE)(parts.source.draw(7))


def test_a_source_that_fails_is_named_with_its_seed() -> None:
    """It is not the core's fault."""
    with pytest.raises(SourceError, match="failed on seed 3: KeyError"):
        trials(source=parts.broken_source)(3)


def test_what_is_no_source_is_refused() -> None:
    """With what it lacks."""
    with pytest.raises(UsageError, match="json is no source of schedules: it lacks draw, shrink, replay_saved"):
        load_source("json")


def test_the_content_of_a_history_is_its_file(tmp_path: Path) -> None:
    """What a worker sends is byte by byte what would have been written."""
    path = tmp_path / "history.jsonl"
    _, history = trials().attempt(7, path)
    assert history is not None
    assert content(history) == path.read_bytes()


def test_shrinking_keeps_to_the_requirement() -> None:
    """Another failure does not do."""
    schedule: Schedule = parts.source.draw(7)
    assert trials(parts.forgets).fails_alike("DUR-01")(schedule)
    assert not trials(parts.forgets).fails_alike("KV-01")(schedule)
