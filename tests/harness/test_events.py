"""Event files: what is written is read, each line once, and only when it is whole."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringcheck.events import Event, EventLog, Follower, Progress

TEXTS = st.lists(st.text(max_size=20), max_size=8)


def progress(worker: str, text: str) -> Progress:
    """Any event will do."""
    return Progress(time=0.0, worker=worker, text=text)


def test_events_come_back_as_they_were_written(tmp_path: Path) -> None:
    """What one process appends, the follower yields equal and in order."""
    written = [progress("gw0", "n1 killed"), progress("gw0", "settling")]
    with EventLog(tmp_path, "gw0") as log:
        for event in written:
            log.write(event)
    assert list(Follower(tmp_path).news()) == written


def test_each_event_is_news_once(tmp_path: Path) -> None:
    """A second call yields only what was written since the first."""
    follower = Follower(tmp_path)
    with EventLog(tmp_path, "gw0") as log:
        log.write(progress("gw0", "one"))
        assert [event.worker for event in follower.news()] == ["gw0"]
        assert list(follower.news()) == []
        log.write(progress("gw0", "two"))
        assert list(follower.news()) == [progress("gw0", "two")]


def test_a_folder_that_is_not_there_yet_holds_no_news(tmp_path: Path) -> None:
    """Following may begin before any worker has."""
    assert list(Follower(tmp_path / "later").news()) == []


@given(texts=TEXTS, cut=st.integers(min_value=0))
def test_half_a_line_waits_for_its_other_half(
    texts: list[str], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However a writer is interrupted, no event is lost, repeated or torn."""
    folder = tmp_path_factory.mktemp("events")
    events: list[Event] = [progress("gw0", text) for text in texts]
    data = b"".join(msgspec.json.encode(event) + b"\n" for event in events)
    cut = cut % (len(data) + 1)
    follower = Follower(folder)
    file = folder / "gw0.jsonl"
    file.write_bytes(data[:cut])
    first = list(follower.news())
    with file.open("ab") as more:
        more.write(data[cut:])
    assert first + list(follower.news()) == events
    assert len(first) == data[:cut].count(b"\n")
