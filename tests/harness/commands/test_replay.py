import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ringcheck.commands.replay import command, comparison
from ringcheck.errors import HistoryError
from ringcheck.history_file import read_history
from ringcheck.schedule import Configuration, Get, Put, Schedule, Settle
from ringcheck.target import Target
from ringcheck.worlds.live import LiveWorld

FOREIGN = Path(__file__).parents[2] / "nodes" / "foreign.py"


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ((), (), "Nothing was broken, then or now."),
        (("KV-04",), ("KV-04",), "Compared with the history: broken again: KV-04."),
        (("KV-04",), (), "Compared with the history: not broken this time: KV-04."),
        (
            ("KV-04", "SIB-02"),
            ("SIB-02", "AE-01"),
            "Compared with the history: broken again: SIB-02; not broken this time: KV-04; "
            "broken now and not before: AE-01.",
        ),
    ],
)
def test_what_was_broken_then_is_compared_with_now(before: Any, after: Any, sentence: str) -> None:
    """The last line says whether the same requirements failed again."""
    assert comparison(before, after) == sentence


def test_file_that_is_no_history_is_told(tmp_path: Path) -> None:
    """What cannot be read cannot be replayed."""
    with pytest.raises(HistoryError, match="There is no file"):
        CliRunner().invoke(command, [str(tmp_path / "none.jsonl")], catch_exceptions=False)


@pytest.mark.slow
def test_failure_of_a_liar_is_repeated_and_an_honest_node_does_not_show_it(tmp_path: Path) -> None:
    """A schedule is carried out again by the history's own command, or by another one that is given."""
    schedule = Schedule(
        name="siblings",
        namespace="replay",
        configuration=Configuration(nodes=3, n=3, r=2, w=2, request_timeout_ms=2_000, anti_entropy_interval_ms=200),
        steps=(
            Put(id=1, node="n1", key="a", value="one", w=3),  # n2 holds it for certain when it is asked to put
            Put(id=2, node="n2", key="a", value="two"),
            Get(id=3, node="n3", key="a"),
            Settle(),
        ),
    )
    path = tmp_path / "liar.jsonl"
    liar = Target.from_command([sys.executable, str(FOREIGN), "--lie=drops-siblings", "{config}"])
    with LiveWorld(liar, toxiproxy="embedded") as world:
        world.carry_out(schedule, path)
    options = [str(path), "--out", str(tmp_path), "--toxiproxy", "embedded"]
    again = CliRunner().invoke(command, options, standalone_mode=False, catch_exceptions=False)
    honest = CliRunner().invoke(
        command,
        [*options, "--", sys.executable, str(FOREIGN), "{config}"],
        standalone_mode=False,
        catch_exceptions=False,
    )
    assert again.return_value == 1
    assert "broken again:" in again.output.splitlines()[-1]
    assert honest.return_value == 0
    assert "not broken this time:" in honest.output.splitlines()[-1]
    replays = [read_history(tmp_path / "replays" / f"liar-{number}.jsonl") for number in (1, 2)]
    assert [each.header.schedule for each in replays] == [schedule, schedule]
    assert "--lie=drops-siblings" in replays[0].header.command
    assert "--lie=drops-siblings" not in replays[1].header.command
