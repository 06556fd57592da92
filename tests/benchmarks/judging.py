"""How many operations a second the judges get through, whole and by part.

    python tests/benchmarks/judging.py --operations 1000000

The history is made up in memory: clients that read, modify and write at the same time, some blind writes and deletes,
a fault and a crash now and then, and a few Settles with a final read of every key at every node. Times are processor
time of this process; the fastest of a few rounds is shown.
"""

import gc
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from random import Random
from time import process_time
from typing import TypeVar

import click

from ringcheck.history import History, Invoke, Ok
from ringcheck.judging import judge
from ringcheck.judging.alibis import alibis
from ringcheck.judging.handmade import Handmade
from ringcheck.judging.liveness import judge_liveness
from ringcheck.judging.occurrences import occurrences
from ringcheck.judging.quiet import Quiet
from ringcheck.judging.recency import judge_recency
from ringcheck.judging.run import Run
from ringcheck.judging.safety import judge_safety
from ringcheck.schedule import Configuration
from ringcheck_chaos.faults import Isolate

Subject = TypeVar("Subject")

OPERATION_S = 0.004
"""How long an operation takes on average."""


class Traffic:
    """Clients that write what an honest store would return.

    A Get sees what is there when it is sent; a write takes effect at some moment before it is answered.
    """

    def __init__(self, tale: Handmade, random: Random, *, clients: int, keys: int, first_final: int) -> None:
        self._tale = tale
        self._random = random
        self._keys = [f"key-{number}" for number in range(keys)]
        self._states: dict[str, dict[str, None]] = {key: {} for key in self._keys}
        self._returned: dict[int, tuple[str, tuple[str, ...], int]] = {}
        self._effects: list[tuple[float, str, tuple[str, ...], str | None]] = []
        """When each write that is on its way takes effect: its key, what it supersedes, what it writes."""
        self._clients = clients
        self._next = 1
        self._next_final = first_final

    def run(self, operations: int, nodes: Sequence[str]) -> None:
        """So many operations through these nodes, as many at a time as there are clients."""
        tale = self._tale
        ends: list[tuple[float, int, int, Ok]] = []
        for client in range(self._clients):
            heappush(ends, self._begin(client, nodes))
        for begun in range(self._clients, operations + self._clients):
            time, _, client, end = heappop(ends)
            tale.now = max(tale.now, time)
            tale.events.append(end)
            if begun < operations:
                heappush(ends, self._begin(client, nodes))

    def read_everywhere(self) -> None:
        """The final reads of a Settle."""
        self._take_effect()
        for key, state in self._states.items():
            for node in self._tale.nodes:
                number, self._next_final = self._next_final, self._next_final + 1
                began, time = self._tale.tick(0.0001), self._tale.tick(0.001)
                self._tale.events.append(
                    Invoke(time=began, operation=number, kind="get", client=0, node=node, key=key, quorum=3, final=True)
                )
                self._tale.events.append(Ok(time=time, operation=number, values=tuple(state)))

    def _begin(self, client: int, nodes: Sequence[str]) -> tuple[float, int, int, Ok]:
        random, number = self._random, self._next
        took = random.uniform(0.5, 1.5) * OPERATION_S
        self._take_effect()
        self._next += 1
        values: tuple[str, ...] = ()
        node = random.choice(nodes)
        if (known := self._returned.pop(client, None)) is None:
            key = random.choice(self._keys)
            values = tuple(self._states[key])
            self._returned[client] = key, values, number
            invoke = Invoke(
                time=self._tale.tick(0.00001),
                operation=number,
                kind="get",
                client=client,
                node=node,
                key=key,
                quorum=2,
            )
        else:
            invoke = self._write(client, number, node, took, *known)
        self._tale.events.append(invoke)
        return invoke.time + took, number, client, Ok(time=invoke.time + took, operation=number, values=values)

    def _take_effect(self) -> None:
        while self._effects and self._effects[0][0] <= self._tale.now:
            _, key, seen, value = heappop(self._effects)
            state = self._states[key]
            for old in seen:
                state.pop(old, None)
            if value is not None:
                state[value] = None

    def _write(
        self, client: int, number: int, node: str, took: float, key: str, seen: tuple[str, ...], read: int
    ) -> Invoke:
        chance = self._random.random()
        deletes, blind = bool(seen) and chance < 0.05, chance > 0.98
        value = None if deletes else f"v{number}"
        time = self._tale.tick(0.00001)
        effect = time + self._random.random() * took
        heappush(self._effects, (effect, key, () if blind else seen, value))
        return Invoke(
            time=time,
            operation=number,
            kind="delete" if deletes else "put",
            client=client,
            node=node,
            key=key,
            value=value,
            context_of=None if blind else read,
            quorum=2,
        )


def history(*, operations: int, keys: int, clients: int, settles: int, faults: int, seed: int) -> History:
    """A history of so many operations, with so many faults and as many crashes before each Settle."""
    tale = Handmade(configuration=Configuration(nodes=5))
    traffic = Traffic(tale, Random(seed), clients=clients, keys=keys, first_final=max(1_000_000, operations + 1))
    tale.look("start")
    for settle in range(settles):
        share = operations // settles // (2 * faults + 1)
        for number in range(faults):
            traffic.run(share, tale.nodes)
            fault = settle * faults + number
            tale.fault(fault, Isolate(how="drop", node="n5"))
            traffic.run(share // 10, tale.nodes[:-1])
            tale.heal(fault)
            traffic.run(share - share // 10, tale.nodes)
            tale.kill("n4")
            tale.restart("n4")
        traffic.run(operations // settles - 2 * faults * share, tale.nodes)
        tale.settle({})
        traffic.read_everywhere()
    return tale.history()


PARTS: dict[str, Callable[[Run], object]] = {
    "arranging": lambda run: Run.of(run.history),
    "alibis": lambda run: alibis(run, Quiet(run)),
    "safety": lambda run: list(judge_safety(run, alibis(run, Quiet(run)))),
    "recency": lambda run: list(judge_recency(run, Quiet(run), alibis(run, Quiet(run)))),
    "liveness": lambda run: list(judge_liveness(run)),
    "occurrences": occurrences,
    "judge": lambda run: judge(run.history),
}
"""The parts of judging that look at operations, and all of it; finding alibis is a part of safety, and of recency."""


@click.command()
@click.option("--operations", default=1_000_000, show_default=True, help="Besides the final reads.")
@click.option("--keys", default=1_000, show_default=True)
@click.option("--clients", default=16, show_default=True)
@click.option("--settles", default=4, show_default=True)
@click.option("--faults", default=5, show_default=True, help="Faults and crashes before each Settle.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(*, operations: int, keys: int, clients: int, settles: int, faults: int, rounds: int, seed: int) -> None:
    """Measure the judges."""
    made = history(operations=operations, keys=keys, clients=clients, settles=settles, faults=faults, seed=seed)
    judgement = judge(made)
    if broken := [name for name, finding in judgement.findings.items() if finding.breaches]:
        raise click.ClickException(f"The history is honest, and yet breaks {', '.join(broken)}.")
    total = judgement.events["operations"]
    click.echo(f"{total:,} operations on {keys:,} keys, final reads included")
    for name, part in PARTS.items():
        # Each round has a run of its own, since a run keeps what was made of it.
        took = min(measured(part, Run.of(made)) for _ in range(rounds))
        click.echo(f"{name:<12} {took:7.3f} s  {total / took:12,.0f} operations/s")
    bare = min(measured(million_rounds, None) for _ in range(rounds))
    click.echo(f"{'bare loop':<12} {bare:7.3f} s  for a million rounds")


def million_rounds(nothing: None) -> None:
    """What else this machine does shows here: figures compare only where this one is the same."""
    for _ in range(1_000_000):
        pass


def measured(part: Callable[[Subject], object], subject: Subject) -> float:
    """Seconds of this process, with what earlier rounds left behind cleared away."""
    gc.collect()
    began = process_time()
    part(subject)
    return process_time() - began


if __name__ == "__main__":
    main()
