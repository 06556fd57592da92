"""Who ran on the machine's cores, and who had to wait for one, as Linux counts it for every thread."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Turns(NamedTuple):
    """Seconds since a thread began: on a core, and able to run but waiting for one."""

    ran_s: float
    waited_s: float


def turns(pid: int, proc: Path = PROC) -> dict[int, Turns]:
    """Thread id → its turns, for all threads of a process and of its descendants; empty where nobody tells."""
    return dict(_turns(pid, proc))


def _turns(pid: int, proc: Path) -> Iterator[tuple[int, Turns]]:
    for task in _listed(proc / str(pid) / "task"):
        try:
            # Three numbers, see Documentation/scheduler/sched-stats.rst of Linux: ns on a core, ns waiting, turns.
            ran, waited, _ = map(int, (task / "schedstat").read_text().split())
            children = (task / "children").read_text().split()
        except (OSError, ValueError):
            continue  # it has ended meanwhile, or the kernel does not tell
        yield int(task.name), Turns(ran / 1e9, waited / 1e9)
        for child in children:
            yield from _turns(int(child), proc)


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def since(before: Mapping[int, Turns], after: Mapping[int, Turns]) -> Turns:
    """Between two looks, how long all threads ran together, and how long the one waited that waited longest.

    Many threads that wait for a little while delay nobody as one does that waits for long. What ended meanwhile is not
    known.
    """
    nothing = Turns(0.0, 0.0)
    pairs = [(before.get(thread, nothing), now) for thread, now in after.items()]
    return Turns(
        sum(now.ran_s - then.ran_s for then, now in pairs),
        max((now.waited_s - then.waited_s for then, now in pairs), default=0.0),
    )


def available() -> int:
    """How many cores this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
