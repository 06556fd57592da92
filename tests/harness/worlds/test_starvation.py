"""The live world notices that the machine, and not the target, is too slow."""

import asyncio
import os
import subprocess
import sys

import pytest

from ringcheck.history import Event, Header, Starved
from ringcheck.schedule import Configuration, Schedule
from ringcheck.worlds.chronicle import Chronicle
from ringcheck.worlds.live.starvation import OWN, SAMPLE_S, WAITED, starved_s, watch
from ringcheck_chaos.cores import Turns

CORES = 2
SPIN = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
while os.path.exists("/proc/" + sys.argv[2]):
    sum(range(100_000))
"""
"""Keeps one core busy for as long as a process is there."""

ORPHANS = f"""
import subprocess, sys
for _ in range(4):
    subprocess.Popen([sys.executable, "-c", {SPIN!r}, *sys.argv[1:]])
"""
"""Starts four of these, and ends at once: they are nobody's children any more."""


def test_waiting_while_others_run_is_starvation() -> None:
    """From half of the time on, for a thread."""
    assert starved_s(Turns(0.05, WAITED * SAMPLE_S), SAMPLE_S, CORES) == WAITED * SAMPLE_S
    assert starved_s(Turns(0.05, WAITED * SAMPLE_S * 0.9), SAMPLE_S, CORES) is None


def test_who_fills_the_cores_by_its_own_work_is_not_starved() -> None:
    """A target that is too slow since it does too much remains to blame."""
    full = OWN * CORES * SAMPLE_S
    assert starved_s(Turns(full, 5.0), SAMPLE_S, CORES) is None
    assert starved_s(Turns(full * 0.9, 5.0), SAMPLE_S, CORES) == 5.0


def test_waking_up_late_is_starvation_where_nobody_counts() -> None:
    """A machine that stood still, or a system that does not tell who waits."""
    assert starved_s(Turns(0.0, 0.0), 4 * SAMPLE_S, CORES) == 3 * SAMPLE_S
    assert starved_s(Turns(0.0, 0.0), 1.1 * SAMPLE_S, CORES) is None


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux counts")
def test_a_process_of_the_run_that_gets_no_core_is_noticed() -> None:
    """A child of ours shares one core with others that are not ours, and waits most of the time."""
    core = str(min(os.sched_getaffinity(0)))
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as guard:
        subprocess.run([sys.executable, "-c", ORPHANS, core, str(guard.pid)], check=True, timeout=60)
        with subprocess.Popen([sys.executable, "-c", SPIN, core, str(guard.pid)]):
            try:
                first = asyncio.run(asyncio.wait_for(first_event(), 60))
            finally:
                guard.communicate()
                guard.wait()
    assert isinstance(first, Starved)
    assert first.time - first.began >= SAMPLE_S
    assert first.waited_s >= WAITED * (first.time - first.began)


async def first_event() -> Event:
    """What the watch writes down first."""
    written = asyncio.get_running_loop().create_future()
    schedule = Schedule(name="starved", namespace="s", configuration=Configuration(nodes=1, n=1, r=1, w=1), steps=())
    header = Header(ringcheck="", started="", nodes={}, network="", versions={}, seed=0, schedule=schedule)
    watching = asyncio.create_task(watch(Chronicle(None, header, written.set_result)))
    try:
        event: Event = await written
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return event
