"""What a Put costs at two versions of a node, side by side: tells two percent apart, where `puts` cannot.

    python -m tests.benchmarks.versions COMMAND COMMAND [--in-flight N …] [--rounds N] [--seconds S]

Each command starts a node, and the path of its configuration follows; both take turns, slice by slice, on a cluster of
three nodes each, so that whatever the machine does is felt by both. The same command twice shows what chance can do.
An earlier version of the reference is one beside this checkout, as `git worktree add ../before HEAD~1` makes it:

    python -m tests.benchmarks.versions "env PYTHONPATH=../before/reference python -m ringcheck_reference" "…"
"""

import asyncio
import statistics
from collections.abc import Sequence

import click
from tests.benchmarks import clusters
from tests.benchmarks.puts import NODES, Subject, by, subject


class Ratios:
    """Of the second version to the first, one a round."""

    def __init__(self) -> None:
        self._ratios: list[float] = []

    def note(self, first: float, second: float) -> None:
        """What both took in one round."""
        self._ratios.append(second / first)

    def __str__(self) -> str:
        """The middle one, and the standard error of their mean."""
        error = statistics.stdev(self._ratios) / len(self._ratios) ** 0.5
        return f"{statistics.median(self._ratios):.3f} ± {error:.3f}"


async def compare(subjects: Sequence[Subject], in_flight: int, rounds: int, seconds: float) -> str:
    """One line: how much more CPU time, throughput and time to answer the second has."""
    cpu, pace, alone = Ratios(), Ratios(), Ratios()
    failures = 0
    for number in range(rounds):
        turns = subjects if number % 2 else subjects[::-1]
        slices = {each: await each.slice(in_flight, seconds) for each in turns}
        medians = {each: await each.median_s(seconds) for each in turns}
        first, second = (slices[each] for each in subjects)
        cpu.note(first.cpu_us, second.cpu_us)
        pace.note(first.calls / first.elapsed_s, second.calls / second.elapsed_s)
        alone.note(*(medians[each] for each in subjects))
        failures += first.failures + second.failures
    return f"{in_flight:9}{cpu!s:>17}{pace!s:>16}{alone!s:>19}{failures:10}"


async def measure(commands: Sequence[str], in_flight: Sequence[int], rounds: int, seconds: float) -> None:
    """Start both clusters, and print a line for each number in flight."""
    first, second = map(by, commands)
    async with clusters.running(NODES, first) as before, clusters.running(NODES, second) as after:
        subjects = (subject(before), subject(after))
        for each in subjects:
            await each.slice(16, seconds)
        click.echo("in flight     CPU of a Put   Puts a second   p50 of one alone  failures")
        for number in in_flight:
            click.echo(await compare(subjects, number, rounds, seconds))


@click.command()
@click.argument("commands", nargs=2, metavar="COMMAND COMMAND")
@click.option("--in-flight", multiple=True, type=click.IntRange(1), default=(16, 64), help="One line for each.")
@click.option("--rounds", type=click.IntRange(2), default=15, show_default=True, help="How many slices of each.")
@click.option("--seconds", default=1.0, show_default=True, help="How long a slice is.")
def main(commands: Sequence[str], in_flight: Sequence[int], rounds: int, seconds: float) -> None:
    """Print ratios of the second version to the first, each with its standard error."""
    asyncio.run(measure(commands, in_flight, rounds, seconds))


if __name__ == "__main__":
    main()
