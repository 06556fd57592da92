"""A flood of background work beside clients, at nodes that need time for every message; all of it in virtual time."""

import random
import statistics
from typing import Any

from tests.reference.core.cluster import Cluster

from ringcheck_reference.core.admission import MOST_SLICES, Admission
from ringcheck_reference.core.effects import Effect, Failure, Reply
from ringcheck_reference.core.messages import CallId, ClientGet, ClientPut, Message, NodeId, Sender
from ringcheck_reference.core.node import Node

MESSAGE_S = 0.001
HINTS = 4000
RATE = 60
SETTLED_S = 2.5
"""So long after the flood began the controller has seen enough of it."""


class Greedy(Node):
    """Does background work as if nobody asked it anything."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._desk.admission = Unbridled(1024)


class Unbridled(Admission):
    """All slices at any time."""

    def slices(self, now: float) -> int:
        """See Admission."""
        return MOST_SLICES


class LabouringCluster(Cluster):
    """Every message takes a node a millisecond, one after another, so that work queues up."""

    def __init__(self, **settings: Any) -> None:
        self._free: dict[NodeId, float] = {}
        self._began: dict[CallId, float] = {}
        self.latencies: dict[CallId, float] = {}
        super().__init__(**settings)

    def _receive(self, name: NodeId, sender: Sender, message: Message) -> None:
        process = self.running[name]
        at = self._free[name] = max(self._free.get(name, 0.0), self.now) + MESSAGE_S
        if isinstance(sender, int):
            self._began[sender] = self.now

        def take() -> None:
            if self.running.get(name) is process:
                super(LabouringCluster, self)._receive(name, sender, message)

        self._later(at - self.now, take)

    def _carry_out(self, name: NodeId, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Reply):
                self.latencies[effect.call] = self.now - self._began[effect.call]
        super()._carry_out(name, effects)


def percentile_beside_handoff(core: type[Node]) -> tuple[float, float]:
    """The 99th percentile of requests that began while hints were handed over, in seconds; and how long that took."""
    # All of a key's homes have to answer, the one that is handed its hints among them.
    cluster = LabouringCluster(core=core, r=3, w=3, anti_entropy_interval=60.0)
    cluster.run_for(1.0)
    cluster.crash("n5")
    cluster.run_for(1.0)
    for number in range(HINTS):
        cluster.call(f"n{number % 4 + 1}", ClientPut(b"background %d" % number, b"v"))
        cluster.run_for(0.005)
    cluster.run_for(2.0)
    cluster.start("n5")
    began, calls, chance = cluster.now, [], random.Random(1)
    while any(process.core.status().hints_pending.count for process in cluster.running.values()):
        key, node = b"foreground %d" % chance.randrange(100), f"n{chance.randrange(4) + 1}"
        call = cluster.call(node, ClientGet(key) if chance.random() < 0.5 else ClientPut(key, b"v"))
        if cluster.now - began >= SETTLED_S:
            calls.append(call)
        cluster.run_for(chance.expovariate(RATE))
        assert cluster.now - began < 120.0
    took = cluster.now - began
    cluster.run_for(2.0)
    assert not any(isinstance(cluster.replies[call], Failure) for call in calls)
    return statistics.quantiles([cluster.latencies[call] for call in calls], n=100)[-1], took


def test_a_flood_of_hints_does_not_starve_clients() -> None:
    """With admission control they wait less than half as long as without; the hints arrive all the same."""
    bridled, took = percentile_beside_handoff(Node)
    unbridled, took_without = percentile_beside_handoff(Greedy)
    assert bridled < unbridled / 2, (bridled, unbridled, took, took_without)
