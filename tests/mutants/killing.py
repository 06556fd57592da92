"""How long one mutant lives in the simulated world, and the smallest schedule that kills it.

    python tests/mutants/killing.py NAME --seeds 5 --budget 60
    python tests/mutants/killing.py --clean 300

Seeds are tried one after another from several places, 0, 1000, 2000 and so on, until the requirement of the bug is
among the alarms. One line of JSON tells what came of it.
"""

import argparse
import sys
import time
from pathlib import Path

import msgspec
from bugs import BUGS  # type: ignore[import-not-found]  # found beside this script, whatever the working folder

from ringcheck.exploring.trial import Trials
from ringcheck.schedule import Schedule
from ringcheck.simulation.loading import REFERENCE

KITS = Path(__file__).with_name("simulated.py")
APART = 1_000
"""So far from one another are the seeds that a hunt begins with."""
SHORT = 15
"""A schedule of so many steps can be read."""


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """What it took from one first seed on; times are CPU seconds but for `simulated_s`."""

    first: int
    seed: int
    seconds: float
    simulated_s: float
    expected: str
    actual: str


class Hunt(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one mutant. `survived`: the first seeds from which it outlived the budget."""

    name: str
    requirement: str
    kills: tuple[Kill, ...]
    survived: tuple[int, ...]
    shrinking_s: float = 0.0
    schedule: Schedule | None = None
    """The smallest that kills it."""


class Clean(msgspec.Struct, frozen=True, kw_only=True):
    """What the honest reference went through. `alarms`: (seed, requirement)."""

    seeds: int
    seconds: float
    simulated_s: float
    alarms: tuple[tuple[int, str], ...]


def kit(name: str) -> str:
    """The name under which a mutant is simulated."""
    return f"{KITS}:bug_{name}"


def hunt(name: str, seeds: int, budget_s: float) -> Hunt:
    """Kill a mutant from several first seeds on, and shrink until a schedule is short."""
    requirement = BUGS[name].requirement
    trials = Trials(kit(name))
    tries = [(first, _kill(trials, requirement, first, budget_s)) for first in range(0, seeds * APART, APART)]
    kills = tuple(kill for _, kill in tries if kill)
    began = time.process_time()
    schedule: Schedule | None = None
    for kill in kills:
        shrunk = trials.source.shrink(kill.seed, trials.fails_alike(requirement))
        if schedule is None or len(shrunk.steps) < len(schedule.steps):
            schedule = shrunk
        if len(schedule.steps) <= SHORT:
            break
    return Hunt(
        name=name,
        requirement=requirement,
        kills=kills,
        survived=tuple(first for first, kill in tries if not kill),
        shrinking_s=time.process_time() - began,
        schedule=schedule,
    )


def _kill(trials: Trials, requirement: str, first: int, budget_s: float) -> Kill | None:
    began, simulated_s, seed = time.process_time(), 0.0, first
    while time.process_time() - began < budget_s:
        result = trials(seed)
        simulated_s += result.simulated_s
        for alarm in result.alarms:
            if alarm.requirement == requirement and alarm.breach is not None:
                return Kill(
                    first=first,
                    seed=seed,
                    seconds=time.process_time() - began,
                    simulated_s=simulated_s,
                    expected=alarm.breach.expected,
                    actual=alarm.breach.actual,
                )
        seed += 1
    return None


def clean(seeds: int) -> Clean:
    """Try the honest reference."""
    trials = Trials(REFERENCE)
    began = time.process_time()
    results = [trials(seed) for seed in range(seeds)]
    return Clean(
        seeds=seeds,
        seconds=time.process_time() - began,
        simulated_s=sum(result.simulated_s for result in results),
        alarms=tuple((result.seed, alarm.requirement) for result in results for alarm in result.alarms),
    )


def main() -> int:
    """Prints one line of JSON; 1 when the mutant survived, or the reference was accused."""
    parser = argparse.ArgumentParser(description="Kill one mutant in the simulated world.")
    parser.add_argument("name", choices=BUGS, nargs="?", metavar="NAME", help="of the bug")
    parser.add_argument("--seeds", type=int, default=5, help="from how many first seeds")
    parser.add_argument("--budget", type=float, default=60.0, help="CPU seconds for each of them")
    parser.add_argument("--clean", type=int, metavar="N", help="try N seeds of the honest reference instead")
    arguments = parser.parse_args()
    if (arguments.name is None) == (arguments.clean is None):
        parser.error("name a bug, or say --clean N")
    if arguments.clean is not None:
        honest = clean(arguments.clean)
        print(msgspec.json.encode(honest).decode())
        return int(bool(honest.alarms))
    hunted = hunt(arguments.name, arguments.seeds, arguments.budget)
    print(msgspec.json.encode(hunted).decode())
    return int(bool(hunted.survived))


if __name__ == "__main__":
    sys.exit(main())
