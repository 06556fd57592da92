"""`ringcheck check`: judgement of files, and what it ends with."""

import json
from pathlib import Path

import pytest

from ringcheck.cli import code_of
from ringcheck.history import Broke
from ringcheck.history_file import HistoryWriter
from ringcheck.judging.handmade import Handmade
from ringcheck_chaos.faults import Isolate


def save(path: Path, tale: Handmade) -> str:
    """Write what was told to a file; its name."""
    history = tale.history()
    with HistoryWriter(path, history.header) as writer:
        for event in history.events:
            writer.write(event)
        writer.close(tale.now)
    return str(path)


def a_run(values: list[str]) -> Handmade:
    """An acknowledged write under a fault, and what is there of it at the end."""
    tale = Handmade(requirements=("DUR-01",))
    tale.fault(1, Isolate(how="drop", node="n3"))
    tale.put("a")
    tale.heal(1)
    tale.settle({"k": values})
    return tale


def test_conforming_history_ends_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table shows what the history says something about."""
    assert code_of(["check", save(tmp_path / "h.jsonl", a_run(["a"]))]) == 0
    shown = capsys.readouterr().out
    assert "DUR-01" in shown
    assert "pass" in shown
    assert "acknowledged writes" in shown


def test_breach_ends_with_1_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The story stands below the table, with the command that judges it again."""
    good, bad = save(tmp_path / "good.jsonl", a_run(["a"])), save(tmp_path / "bad.jsonl", a_run([]))
    assert code_of(["check", good, bad]) == 1
    shown = capsys.readouterr().out
    assert "Put #1 of 'a' was acknowledged at" in shown
    assert "n3 isolated" in shown
    assert f"ringcheck check {bad}" in shown


def test_nothing_verified_ends_with_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A history whose event never happened is inconclusive."""
    tale = Handmade(requirements=("DUR-01",))
    tale.put("a")
    assert code_of(["check", save(tmp_path / "h.jsonl", tale)]) == 3
    assert "what it speaks of never happened" in capsys.readouterr().out


def test_run_that_broke_ends_with_4(tmp_path: Path) -> None:
    """What was found before still stands, but the run is no proof."""
    tale = a_run(["a"])
    tale.events.append(Broke(time=tale.tick(), reason="n1 did not start."))
    assert code_of(["check", save(tmp_path / "h.jsonl", tale)]) == 4


def test_cut_off_history_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is wrong use, and one sentence says so."""
    path = tmp_path / "h.jsonl"
    save(path, a_run(["a"]))
    path.write_bytes(path.read_bytes()[:-30])
    assert code_of(["check", str(path)]) == 2
    error = capsys.readouterr().err
    assert "was cut off" in error
    assert error.count("\n") == 1


def test_judgement_can_be_had_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object a history, by its path."""
    path = save(tmp_path / "h.jsonl", a_run([]))
    assert code_of(["check", "--json", path]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told[path]["findings"]["DUR-01"]["breaches"][0]["operations"]
