"""Worker processes: what they are given, how they fail, and that none is left."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.harness.exploring import parts

from ringcheck.errors import RingcheckError
from ringcheck.exploring.executor import Chunk, Executor, InProcess, Tried, content
from ringcheck.exploring.packing import unpacked
from ringcheck.exploring.pool import ProcessPool
from ringcheck.exploring.trial import BROKE, Trials

WITHIN_S = 60.0
SOURCE = parts.name("source")

Opener = Callable[..., ProcessPool]


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Opener]:
    """Opens pools of workers on a core of `parts`, and closes them in the end."""
    opened: list[ProcessPool] = []

    def open_pool(core: str, workers: int = 2, source: str = SOURCE, **more: Any) -> ProcessPool:
        name = core if core.endswith(".py") else parts.name(core)
        opened.append(ProcessPool(name, source, workers, tmp_path / "log", **more))
        return opened[-1]

    yield open_pool
    for each in opened:
        each.close()


def gather(executor: Executor, chunks: list[Chunk]) -> list[Tried]:
    """The results of all chunks, in the order of their seeds."""
    wanted = sum(len(chunk.seeds) for chunk in chunks)
    found: list[Tried] = []
    deadline = time.monotonic() + WITHIN_S
    while len(found) < wanted:
        assert time.monotonic() < deadline, found
        while chunks and executor.room():
            executor.submit(chunks.pop(0))
        found += executor.results(0.1)
    return sorted(found, key=lambda tried: tried.result.seed)


def chunks_of(seeds: range, size: int = 4) -> list[Chunk]:
    """Chunks of so many."""
    return [Chunk(seeds=tuple(seeds[place : place + size])) for place in range(0, len(seeds), size)]


def test_workers_find_what_this_process_finds(pool: Opener) -> None:
    """The same results and histories, but for the CPU time."""
    local = gather(InProcess(Trials(parts.forgets, parts.source, name=parts.name("forgets"))), chunks_of(range(30)))
    distant = gather(pool("forgets"), chunks_of(range(30)))
    assert [each.result.alarms for each in local] == [each.result.alarms for each in distant]
    assert [each.result.draws for each in local] == [each.result.draws for each in distant]
    assert local[7].history
    assert local[7].history == distant[7].history


def test_a_history_comes_where_it_is_wanted_and_with_what_fails(pool: Opener) -> None:
    """Nobody sends a thousand histories for nothing; of many failures by one cause, the first few."""
    found = gather(pool("forgets", 1), [Chunk(seeds=tuple(range(70)), audited=(2,))])
    assert [each.result.seed for each in found if each.history] == [2, 7, 17, 27]
    trials = Trials(parts.forgets, parts.source, name=parts.name("forgets"))
    history = trials.attempt(2)[1]
    assert history
    assert found[2].history
    assert unpacked(found[2].history) == content(history)


def test_a_seed_is_tried_again_by_another_worker(pool: Opener) -> None:
    """Where there is another one."""
    executor = pool(parts.TINY)
    (once,) = gather(executor, [Chunk(seeds=(1,), audited=(1,))])
    (again,) = gather(executor, [Chunk(seeds=(1,), audited=(1,), not_on=once.worker)])
    assert again.worker != once.worker
    assert (once.again, again.again) == (False, True)
    assert once.history == again.history


def test_the_only_worker_tries_again_itself(pool: Opener) -> None:
    """It is better than nothing."""
    executor = pool(parts.TINY, 1)
    (once,) = gather(executor, [Chunk(seeds=(1,))])
    assert gather(executor, [Chunk(seeds=(1,), not_on=once.worker)])[0].again


def test_a_worker_that_dies_is_replaced_and_its_seed_named(pool: Opener) -> None:
    """Every other seed of its chunks is tried all the same."""
    found = gather(pool("dies", 1), chunks_of(range(20)))
    assert [each.result.seed for each in found] == list(range(20))
    assert [each.result.seed for each in found if each.lost] == [7, 17]
    (alarm,) = found[7].result.alarms
    assert alarm.requirement == BROKE
    assert "ended by SIGKILL" in alarm.cause


def test_a_seed_that_never_ends_is_named(pool: Opener) -> None:
    """Its worker is killed when its patience is over."""
    found = gather(pool("loops", 1, patience_s=2.0), [Chunk(seeds=(6, 7, 8))])
    assert [each.lost for each in found] == [False, True, False]
    (alarm,) = found[1].result.alarms
    assert "not ended after 2 s" in alarm.cause
    _, innermost, *others = alarm.reason.splitlines()
    assert re.fullmatch(r'  File ".*/parts.py", line \d+ in _loop', innermost), alarm.reason
    assert any("in planted_put" in call for call in others)


def test_the_seed_that_takes_long_can_be_told(pool: Opener) -> None:
    """While nothing else comes of it."""
    executor = pool("loops", 1)
    assert executor.longest() is None
    executor.submit(Chunk(seeds=(6, 7, 8)))
    deadline = time.monotonic() + WITHIN_S
    while (executor.longest() or (0, 0))[0] != 7:
        assert time.monotonic() < deadline
        executor.results(0.1)
    (seed, seconds), later = executor.longest() or (0, 0.0), executor.longest()
    assert later is not None
    assert seed == later[0] == 7
    assert 0 <= seconds <= later[1]


def test_a_worn_worker_makes_room_for_a_new_one(pool: Opener) -> None:
    """Memory stays as it is, however long it goes on; every seed is tried once."""
    executor = pool(parts.TINY, 1, worn_after=10)
    first = executor.pids
    found = gather(executor, chunks_of(range(40)))
    assert [each.result.seed for each in found] == list(range(40))
    assert len({each.worker for each in found}) >= 2
    assert executor.pids != first


def test_what_a_core_prints_is_no_result(pool: Opener, tmp_path: Path) -> None:
    """It goes to the log."""
    assert len(gather(pool("prints", 1), chunks_of(range(4)))) == 4
    assert "storing b's/a'" in (tmp_path / "log").read_text()


def test_a_failing_source_ends_it(pool: Opener) -> None:
    """In one sentence, which names the seed."""
    with pytest.raises(RingcheckError, match="failed on seed 3"):
        gather(pool(parts.TINY, 1, parts.name("broken_source")), chunks_of(range(8)))


def test_closing_leaves_no_process(pool: Opener) -> None:
    """Whatever they were doing; and closing twice does nothing."""
    executor = pool("loops")
    executor.submit(Chunk(seeds=(7,)))
    pids = executor.pids
    executor.close()
    executor.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


PARENT = """
import os, sys, time
from pathlib import Path
from ringcheck.exploring.executor import Chunk
from ringcheck.exploring.packing import unpacked
from ringcheck.exploring.pool import ProcessPool
pool = ProcessPool(sys.argv[1], sys.argv[2], 2, Path(os.devnull))
pool.submit(Chunk(seeds=(0,)))
while not pool.results(0.1):
    pass
pool.submit(Chunk(seeds=(7,)))
pool.submit(Chunk(seeds=(17,)))
print(*pool.pids, flush=True)
time.sleep(1000)
"""


def test_workers_die_with_their_parent() -> None:
    """Even by SIGKILL, and in the middle of a seed that never ends."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, parts.name("loops"), SOURCE], stdout=subprocess.PIPE, text=True
    )
    with parent:
        try:
            assert parent.stdout
            pids = [int(pid) for pid in parent.stdout.readline().split()]
        finally:
            parent.kill()
    assert len(pids) == 2
    deadline = time.monotonic() + WITHIN_S
    while any(runs(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def runs(pid: int) -> bool:
    """Whether this process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
