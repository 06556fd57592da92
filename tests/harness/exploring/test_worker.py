"""The other end of the pool: lines in, lines out."""

import gc
import sys
from collections.abc import Iterator

import msgspec
import pytest
from tests.harness.exploring import parts

from ringcheck.errors import RingcheckError, UsageError
from ringcheck.exploring.executor import Chunk, Tried
from ringcheck.exploring.worker import Ready, Said, Setup, work
from ringcheck.simulation.cluster import SimulatedCluster


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """What a worker keeps from being collected in its own process is collected in this one."""
    yield
    gc.unfreeze()


def lines(core: str, *chunks: Chunk) -> list[bytes]:
    """What a worker of a core of `parts` is given."""
    setup = Setup(worker="w1", core=parts.name(core), source=parts.name("source"), path=tuple(sys.path))
    return [msgspec.json.encode(each) for each in (setup, *chunks)]


def test_a_worker_says_that_it_is_ready_and_then_each_result() -> None:
    """In the order of asking."""
    said: list[Said] = []
    work(lines("forgets", Chunk(seeds=(7, 8)), Chunk(seeds=(1,), not_on="w0")), said.append)
    ready, *tried = said
    assert ready == Ready()
    assert [(each.worker, each.result.seed, each.again) for each in tried if isinstance(each, Tried)] == [
        ("w1", 7, False),
        ("w1", 8, False),
        ("w1", 1, True),
    ]


def test_a_worker_keeps_nothing_of_a_seed() -> None:
    """What refers to itself in circles is gone before the next one, though nobody else collects it."""
    left: list[int] = []

    def count(_: Said) -> None:
        left.append(sum(isinstance(each, SimulatedCluster) for each in gc.get_objects()))

    gc.disable()
    try:
        work(lines("forgets", Chunk(seeds=(1, 2, 3, 4))), count)
    finally:
        gc.enable()
    assert len(left) == 5
    assert set(left[1:]) == {left[1]}


def test_a_worker_without_input_ends() -> None:
    """Its parent has ended before it could say anything."""
    work([], lambda _: pytest.fail("nobody asked"))


def test_a_name_that_leads_nowhere_is_told() -> None:
    """As in the parent."""
    with pytest.raises(UsageError, match="no such_core"):
        work(lines("such_core"), lambda _: None)


def test_a_bug_of_ours_is_no_failure_of_the_core(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the seed, and its traceback goes to the log."""

    def fail(_history: object) -> None:
        raise KeyError("v1")

    monkeypatch.setattr("ringcheck.exploring.trial.judge", fail)
    with pytest.raises(RingcheckError, match=r"bug in ringcheck.*seed 5: KeyError.*workers\.log"):
        work(lines("forgets", Chunk(seeds=(5,))), lambda _: None)
    assert "Traceback" in capsys.readouterr().err
