"""History files: what is written is read again, and what is no whole history is refused in one sentence."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from ringcheck.errors import HistoryError
from ringcheck.history import FORMAT, Change, ChangeDone, Event, History, NodeUp, Retired
from ringcheck.history_file import HistoryWriter, read_history
from ringcheck.judging.handmade import Handmade
from ringcheck_chaos.faults import Isolate


def a_history() -> History:
    """One with an event of nearly every kind."""
    tale = Handmade()
    tale.look("start")
    tale.put("a\u00ff\n")
    tale.fault(1, Isolate(how="drop", node="n3"))
    tale.get("a\u00ff\n", end="UNAVAILABLE")
    tale.put("b", end="INVALID_ARGUMENT")
    tale.heal(1)
    tale.kill("n1")
    tale.data["n2", "k"] = b"\x00\xff"
    tale.hints.add(("n2", "n1", "k"))
    tale.look()
    tale.hints.clear()
    tale.settle({"k": ["a\u00ff\n"]})
    tale.settle({}, diverged=("never mind.",))
    return tale.history()


def write(path: Path, history: History) -> list[bytes]:
    """Write it, and return its lines."""
    assert history.footer is not None
    with HistoryWriter(path, history.header) as writer:
        for event in history.events:
            writer.write(event)
        writer.close(history.footer.time)
    return path.read_bytes().splitlines(keepends=True)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """A history survives its file unchanged, bytes and odd characters included."""
    history = a_history()
    lines = write(tmp_path / "h.jsonl", history)
    assert len(lines) == len(history.events) + 2
    assert read_history(tmp_path / "h.jsonl") == history


def test_membership_is_read_again(tmp_path: Path) -> None:
    """What an operator asked for, what came of it, and what a node says of itself that joined."""
    history = a_history()
    description = next(iter(history.header.nodes.values()))
    events: tuple[Event, ...] = (
        NodeUp(time=1.0, began=0.5, node="n4", description=description),
        Change(time=1.0, number=1, kind="join", node="n4", weight=2, host="n4", through="n1"),
        ChangeDone(time=1.1, number=1, code="OK"),
        Retired(time=2.0, node="n4"),
    )
    history = msgspec.structs.replace(history, events=events)
    assert history.footer is not None
    write(tmp_path / "h.jsonl", history)
    assert read_history(tmp_path / "h.jsonl").events == events


def test_an_older_format_is_read(tmp_path: Path) -> None:
    """Format 2 knew no membership changes, and a node's start said nothing of itself; all else is as it was."""
    lines = write(tmp_path / "new.jsonl", a_history())
    header = msgspec.json.decode(lines[0]) | {"format": 2}
    up = b'{"event":"node-up","time":1.0,"began":0.5,"node":"n1"}\n'
    count = msgspec.json.decode(lines[-1]) | {"events": len(lines) - 1}
    old = [msgspec.json.encode(header) + b"\n", up, *lines[1:-1], msgspec.json.encode(count) + b"\n"]
    (tmp_path / "old.jsonl").write_bytes(b"".join(old))
    assert read_history(tmp_path / "old.jsonl").events == (NodeUp(time=1.0, began=0.5, node="n1"), *a_history().events)


def test_each_event_is_in_the_file_at_once(tmp_path: Path) -> None:
    """What was written stands in the file before anything is closed."""
    history = a_history()
    path = tmp_path / "h.jsonl"
    with HistoryWriter(path, history.header) as writer:
        for count, event in enumerate(history.events, start=1):
            writer.write(event)
            assert len(read_history(path, partial=True).events) == count


@pytest.mark.parametrize("half", [b"", b'{"event":"ok","time":1.0,"oper'])
def test_cut_off_history_is_refused_but_can_be_read_in_part(tmp_path: Path, half: bytes) -> None:
    """A file without footer, with or without half a last line, says how many events it has."""
    history = a_history()
    path = tmp_path / "h.jsonl"
    lines = write(path, history)
    path.write_bytes(b"".join(lines[:4]) + half)
    with pytest.raises(HistoryError, match=r"was cut off after 3 events: it has no footer"):
        read_history(path)
    partial = read_history(path, partial=True)
    assert partial.events == history.events[:3]
    assert partial.footer is None


WRONG: dict[str, tuple[Callable[[list[bytes]], bytes], str]] = {
    "empty": (lambda _: b"", "is empty"),
    "text": (lambda _: b"hello\n", "its first line is no header"),
    "another JSON": (lambda _: b'{"a": 1}\n', "its first line is no header"),
    "half a header": (lambda lines: lines[0][:100], "cut off within its header"),
    "no schedule": (lambda _: b'{"event":"header","format":1}\n', "header that cannot be understood"),
    "newer": (
        lambda lines: msgspec.json.encode(msgspec.json.decode(lines[0]) | {"format": FORMAT + 1}),
        f"has format {FORMAT + 1}, and this version reads up to {FORMAT}",
    ),
    "rubbish inside": (lambda lines: b"".join([*lines[:2], b"rubbish\n", *lines[2:]]), "line 3 is no event"),
    "unknown event": (lambda lines: b"".join([lines[0], b'{"event":"party"}\n', *lines[1:]]), "line 2 is no event"),
    "a line lost": (lambda lines: b"".join(lines[:3] + lines[4:]), "its footer counts"),
    "more after the footer": (lambda lines: b"".join([*lines, lines[1]]), "follows the footer"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_history_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    """The sentence names the file and what is wrong with it."""
    spoil, said = WRONG[name]
    path = tmp_path / "h.jsonl"
    path.write_bytes(spoil(write(path, a_history())))
    with pytest.raises(HistoryError) as caught:
        read_history(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    """A path that is no file is wrong use, said plainly."""
    with pytest.raises(HistoryError, match="There is no file"):
        read_history(tmp_path / "nothing.jsonl")
    with pytest.raises(HistoryError, match="is a folder"):
        read_history(tmp_path)
    assert HistoryError.exit_code == 2


def test_a_name_without_its_end_is_completed_in_the_sentence(tmp_path: Path) -> None:
    """The newest file of that name is meant, and neither another one nor none at all."""
    for age, name in enumerate(("KV-04-blind-puts-47791b", "KV-04-blind-puts-0a", "KV-04-blind", "KV-04-blind-puts-x")):
        (tmp_path / f"{name}.jsonl").touch()
        os.utime(tmp_path / f"{name}.jsonl", (1e9 - age, 1e9 - age))
    for name in ("KV-04-blind-puts.jsonl", "KV-04-blind-puts"):
        with pytest.raises(HistoryError, match=r"did you mean .*/KV-04-blind-puts-47791b\.jsonl\?$"):
            read_history(tmp_path / name)
    with pytest.raises(HistoryError, match=r"; name a history"):
        read_history(tmp_path / "KV-04-blind-get.jsonl")
    with pytest.raises(HistoryError, match=r"; name a history"):
        read_history(tmp_path / "nowhere" / "KV-04-blind-puts.jsonl")


@pytest.mark.parametrize("time", ["-1e308", "-0.001", "1e300"])
def test_a_time_that_no_run_has_is_refused(time: str, tmp_path: Path) -> None:
    """It would be judged as if it were one."""
    path = tmp_path / "history.jsonl"
    lines = write(path, a_history())
    lines[4] = re.sub(rb'"time":[\d.e-]+', b'"time":' + time.encode(), lines[4], count=1)
    path.write_bytes(b"".join(lines))
    with pytest.raises(HistoryError, match=r"line 5 has the time -?[\d.e+-]+ s, which no run has"):
        read_history(path)
