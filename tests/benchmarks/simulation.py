"""How fast the reference is simulated: messages and simulated seconds for each second of CPU time, on one core.

    python tests/benchmarks/simulation.py [--nodes N …] [--seconds S]

The workload: N=3, R=W=2; gossip, handoff and anti-entropy once a second; 100 client operations a second, half of them
Gets and half Puts that carry the context of their key's last Get, so that a key nearly always has one sibling. Clients
ask for as much whatever the number of nodes, so what a cluster of more nodes costs beyond theirs is its own upkeep.

Whatever else runs on the machine takes caches and cycles away, even from CPU time. So time is taken in slices, and
both the median slice and the best one are shown; the best says what the code costs.
"""

import itertools
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence

import click

from ringcheck.client import Answer, Reply
from ringcheck.schedule import Configuration
from ringcheck.simulation.cluster import SimulatedCluster
from ringcheck.simulation.loading import REFERENCE, load_kit
from ringcheck.simulation.node import Request

OPERATIONS_A_SECOND = 100
KEYS = 300
LEAD = 10
"""A key is read so many Puts before it is written: its context has arrived by then."""
WARM_UP_S = 2.0
SLICE_S = 2.0


class Workload:
    """Clients that go through all nodes and keys in turn."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.answers: Counter[str] = Counter()
        self._cluster = cluster
        self._nodes = itertools.cycle(cluster.nodes)
        self._contexts: dict[bytes, bytes] = {}
        self._turn = 0

    def start(self) -> None:
        """Begin to ask, and never end."""
        turn, is_put = divmod(self._turn, 2)
        self._turn += 1
        if is_put:
            self._put(_key(turn), b"value %d" % turn)
        else:
            self._get(_key(turn + LEAD))
        self._cluster.scheduler.later(1 / OPERATIONS_A_SECOND, self.start)

    def _get(self, key: bytes) -> None:
        def remember(answer: Answer) -> None:
            self._count(answer)
            if isinstance(answer, Reply):
                self._contexts[key] = answer.context

        self._ask(Request("get", key), remember)

    def _put(self, key: bytes, value: bytes) -> None:
        self._ask(Request("put", key, context=self._contexts.get(key, b""), value=value), self._count)

    def _ask(self, request: Request, done: Callable[[Answer], None]) -> None:
        self._cluster.ask(next(self._nodes), request, done)

    def _count(self, answer: Answer) -> None:
        self.answers["OK" if isinstance(answer, Reply) else answer.code] += 1


class Measurement:
    """One cluster of so many nodes, run for so many simulated seconds."""

    def __init__(self, nodes: int, seconds: float) -> None:
        configuration = Configuration(
            nodes=nodes, gossip_interval_ms=1000, handoff_interval_ms=1000, anti_entropy_interval_ms=1000
        )
        cluster = SimulatedCluster(load_kit(REFERENCE), configuration, seed=1)
        workload = Workload(cluster)
        workload.start()
        cluster.scheduler.run_for(WARM_UP_S)
        before = cluster.network.messages
        slices = [_cpu_s(cluster) for _ in range(max(1, round(seconds / SLICE_S)))]
        self.nodes = nodes
        self.messages = (cluster.network.messages - before) / (len(slices) * SLICE_S)
        """For each simulated second, as the next two."""
        self.median_s = statistics.median(slices) / SLICE_S
        self.best_s = min(slices) / SLICE_S
        self.failures = workload.answers.total() - workload.answers["OK"]


def report(measured: Measurement, first: Measurement) -> str:
    """One line of the table."""
    growth = measured.best_s / first.best_s
    linear = measured.nodes / first.nodes
    costs = measured.median_s, measured.best_s
    paces = "".join(f"{measured.messages / cost:14,.0f}{1 / cost:8.1f}" for cost in costs)
    return f"{measured.nodes:5}{paces}{measured.messages:12,.0f}{growth:8.2f}{linear:8.2f}{measured.failures:10}"


def _cpu_s(cluster: SimulatedCluster) -> float:
    """The CPU time of one slice."""
    began = time.process_time()
    cluster.scheduler.run_for(SLICE_S)
    return time.process_time() - began


def _key(turn: int) -> bytes:
    return b"key %d" % (turn % KEYS)


@click.command()
@click.option("--nodes", multiple=True, type=int, default=(5, 3, 5, 10, 20, 50), help="One cluster for each.")
@click.option("--seconds", default=30.0, show_default=True, help="How many simulated seconds are measured.")
def main(nodes: Sequence[int], seconds: float) -> None:
    """Print messages and simulated seconds for each CPU-second, in the median slice and in the best.

    `growth` is the cost of a simulated second over that of the smallest cluster, `linear` what it would be if cost
    grew like the number of nodes.
    """
    if any(number < 3 for number in nodes):
        raise click.UsageError("N is 3, so a cluster has at least 3 nodes.")
    click.echo("                 median            best, for each CPU-second")
    click.echo("nodes      messages   sim-s      messages   sim-s  msgs/sim-s  growth  linear  failures")
    measurements = [Measurement(number, seconds) for number in nodes]
    smallest = min(measurements, key=lambda each: each.nodes)
    for measured in measurements:
        click.echo(report(measured, smallest))


if __name__ == "__main__":
    main()
