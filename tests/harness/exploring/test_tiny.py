"""The example of the documentation: it keeps its promises, and a bug planted in it is found, shrunk and kept."""

import re
from pathlib import Path

import pytest
from tests.harness.exploring import parts

from ringcheck.exploring.exploration import explore
from ringcheck.exploring.news import Outcome, SavedTried
from ringcheck.exploring.options import Options
from ringcheck.exploring.trial import SOURCE, Trials
from ringcheck.history_file import read_history
from ringcheck.judging import judge

DOCUMENT = Path(parts.TINY).with_name("simulation.md")
HONEST = "if dot in also_live or dot not in also_seen"
FORGETFUL = "if dot in also_live"


def test_it_keeps_its_promises() -> None:
    """On schedules of all kinds, faults of disks, clocks and single messages among them."""
    trials = Trials(parts.TINY, SOURCE)
    for seed in range(25):
        assert trials(seed).alarms == ()


@pytest.mark.slow
def test_a_bug_planted_in_it_is_found_shrunk_and_tried_first_the_next_time(tmp_path: Path) -> None:
    """As the document says: the merge that forgets siblings is found, by Hypothesis' own schedules and shrinking."""
    text = Path(parts.TINY).read_text()
    assert HONEST in text
    core = tmp_path / "tiny.py"
    core.write_text(text.replace(HONEST, FORGETFUL))
    options = Options(core=str(core), first=0, seeds=200, workers=0, out=tmp_path / "out")
    found = explore(options)
    (finding,) = found.findings
    assert found.exit_code == 1
    assert finding.schedule is not None
    assert len(finding.schedule.steps) <= 5 < finding.steps
    assert judge(read_history(Path(finding.history))).findings[finding.alarm.requirement].breaches

    heard: list[object] = []
    again: Outcome = explore(options, [heard.append])
    assert [each.schedules for each in heard if isinstance(each, SavedTried)] == [1]
    assert again.findings[0].schedule == finding.schedule
    assert again.tally.seeds == 0


@pytest.mark.parametrize("option", re.findall(r"(?<=`)--[a-z-]+", DOCUMENT.read_text()))
def test_the_document_names_options_that_there_are(option: str) -> None:
    """None is mistyped, or of an earlier time."""
    from ringcheck.commands import explore as explore_command
    from ringcheck.commands import replay

    known = {
        name for command in (explore_command.command, replay.command) for each in command.params for name in each.opts
    }
    assert option in known | {"--live"}


def test_the_document_tells_of_every_part_of_the_protocol() -> None:
    """Whoever writes a core finds each call in it."""
    from ringcheck.simulation.core import Core, Surroundings

    words = DOCUMENT.read_text()
    calls = [name for kind in (Core, Surroundings) for name in vars(kind) if not name.startswith("_")]
    assert [name for name in calls if f"`{name}" not in words] == []
