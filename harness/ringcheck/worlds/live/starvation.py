"""Notices when the machine, and not the target, is too slow: others keep its cores busy, and the run waits for one."""

import asyncio
import os
import time

from ringcheck.history import Starved
from ringcheck.worlds.chronicle import Chronicle
from ringcheck_chaos.cores import Turns, available, since, turns

SAMPLE_S = 0.25
WAITED = 0.5
"""The machine is too busy when a thread of a run waits for a core for this part of the time, …"""
OWN = 0.75
"""… unless all of them have this part of all cores themselves: then what is too much is their own work."""


async def watch(chronicle: Chronicle) -> None:
    """Write down every stretch of `SAMPLE_S` in which the run had to wait. Goes on until it is cancelled."""
    before, began = turns(os.getpid()), time.monotonic()
    while True:
        await asyncio.sleep(SAMPLE_S)
        after, ended = turns(os.getpid()), time.monotonic()
        spent = since(before, after)
        if (waited_s := starved_s(spent, ended - began, available())) is not None:
            chronicle.write(
                Starved(
                    time=chronicle.at(ended),
                    began=chronicle.at(began),
                    waited_s=round(waited_s, 3),
                    ran_s=round(spent.ran_s, 3),
                )
            )
        before, began = after, ended


def starved_s(spent: Turns, lasted_s: float, cores: int) -> float | None:
    """For how long others kept a thread of a run waiting in `lasted_s` seconds; None when that is no matter.

    Where the system does not count, that this very loop woke up late tells as much.
    """
    late_s = lasted_s - SAMPLE_S
    if spent.ran_s >= OWN * cores * lasted_s:
        return None
    waited_s = max(spent.waited_s, late_s)
    return waited_s if waited_s >= WAITED * lasted_s else None
