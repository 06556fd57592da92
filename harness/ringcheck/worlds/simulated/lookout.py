"""Looks into a simulated cluster for one run, and writes down what it sees where that is wanted."""

from typing import Literal

import msgspec

from ringcheck.codec import Codec
from ringcheck.history import NodeSeen, Observation
from ringcheck.observe import partition_of
from ringcheck.quiet import holds, unrest
from ringcheck.schedule import Observe, Schedule
from ringcheck.simulation.cluster import SimulatedCluster
from ringcheck.simulation.looking import look, look_at_members, seems_quiet
from ringcheck.worlds.chronicle import Chronicle
from ringcheck.worlds.roster import Roster

POLL_S = 0.1
WHOLE_LOOK_S = 1.0
"""So long after a whole look the next one is taken, whatever the cheap question says."""

Why = Literal["start", "observe", "converged", "held", "diverged"]


class Lookout:
    """The eyes of a simulated run. What it returns is not in the history until `record` is called with it."""

    def __init__(
        self, cluster: SimulatedCluster, codec: Codec, chronicle: Chronicle, schedule: Schedule, roster: Roster
    ) -> None:
        self.last: dict[str, NodeSeen] = {}
        """What was seen when this was last taken."""
        self._cluster = cluster
        self._roster = roster
        self._codec = codec
        self._chronicle = chronicle
        self._keys = schedule.keys()
        count = next(iter(cluster.descriptions.values())).partition_count
        placed = {"ring", "inspect"} & cluster.profiles
        self._partitions = {key: partition_of(codec.known_key(key), count) for key in self._keys} if placed else {}

    @property
    def sees_inside(self) -> bool:
        """Whether the nodes declare the profile inspect."""
        return "inspect" in self._cluster.profiles

    def take(self, why: Why, *, lists: bool = True) -> Observation:
        """Look into all running nodes; `lists` includes the preference lists of the schedule's keys."""
        nodes = look(self._cluster.running, self._cluster.profiles, self._codec, self._keys if lists else ())
        self.last = nodes
        now = self._chronicle.now()
        return Observation(time=now, began=now, why=why, nodes=nodes, partitions=self._partitions)

    def record(self, observation: Observation) -> Observation:
        """Write an observation into the history."""
        self._chronicle.write(observation)
        return observation

    def unrest(self, observation: Observation) -> tuple[str, ...]:
        """What keeps the whole cluster from having converged."""
        return tuple(unrest(observation, self._roster.expected(observation.nodes), moved=self._roster.moved))

    def until_quiet(self, why: Why, deadline: float) -> tuple[Observation, bool]:
        """Let time pass until the cluster is quiet, or until `deadline`; the last look, and which it was."""
        cluster = self._cluster
        whole_look = self._chronicle.now() + WHOLE_LOOK_S
        while self._chronicle.now() < deadline:
            if self._seems_quiet() or self._chronicle.now() > whole_look:
                whole_look = self._chronicle.now() + WHOLE_LOOK_S
                observation = self.take(why)
                if not self.unrest(observation):
                    return observation, True
            cluster.scheduler.run_for(POLL_S)
        observation = self.take(why)
        return observation, not self.unrest(observation)

    def _seems_quiet(self) -> bool:
        running = self._cluster.running
        known = look_at_members(running) if self._roster.moved and self.sees_inside else {}
        expected = self._roster.expected(known)
        if not set(expected) <= {node.name for node in running}:
            return False
        concerned = [node for node in running if node.name in expected]
        return not self.sees_inside or seems_quiet(concerned, self._cluster.profiles)

    def observe(self, step: Observe, within_s: float) -> None:
        """Carry out an Observe step: let time pass until its condition holds, and record the last look."""
        deadline = self._chronicle.now() + within_s
        while True:
            observation = self.take("observe", lists=step.until == "now")
            met = holds(step, observation)
            if met or not self.sees_inside or self._chronicle.now() >= deadline:
                break
            self._cluster.scheduler.run_for(POLL_S)
        self.record(msgspec.structs.replace(observation, condition=step.until, met=met))
