"""Looks into the cluster for one run, and writes down what it sees where that is wanted."""

import asyncio
import time
from typing import Literal

import msgspec

from ringcheck.cluster import Cluster
from ringcheck.codec import Codec
from ringcheck.history import NodeSeen, Observation
from ringcheck.observe import look, membership_seen, partition_of, roots_agree, statuses
from ringcheck.quiet import holds, unrest
from ringcheck.schedule import Observe, Schedule
from ringcheck.worlds.chronicle import Chronicle
from ringcheck.worlds.roster import Roster

POLL_S = 0.05
WHOLE_LOOK_S = 1.0
"""So long after a whole look the next one is taken, whatever the cheap questions say."""

Why = Literal["start", "observe", "converged", "held", "diverged"]


class Lookout:
    """The eyes of a run. What it returns is not in the history until `record` is called with it."""

    def __init__(
        self, cluster: Cluster, codec: Codec, chronicle: Chronicle, schedule: Schedule, roster: Roster
    ) -> None:
        self.last: dict[str, NodeSeen] = {}
        """What was seen when this was last taken."""
        self._cluster = cluster
        self._roster = roster
        self._codec = codec
        self._chronicle = chronicle
        self._keys = schedule.keys()
        self._partitions = self._place_keys()

    @property
    def sees_inside(self) -> bool:
        """Whether the target declares the profile inspect, without which there is nothing to see but the ring."""
        return "inspect" in self._cluster.profiles

    async def take(self, why: Why, *, lists: bool = True) -> Observation:
        """Look into all running nodes; `lists` includes the preference lists of the schedule's keys."""
        began = self._chronicle.now()
        seen = await look(self._cluster.running, self._codec, self._keys, lists=lists)
        for name in seen.nodes:
            self._cluster.nodes[name].last_seen = time.monotonic()
        self.last = seen.nodes
        return Observation(
            time=self._chronicle.now(), began=began, why=why, nodes=seen.nodes, partitions=self._partitions
        )

    def record(self, observation: Observation) -> Observation:
        """Write an observation into the history."""
        self._chronicle.write(observation)
        return observation

    def unrest(self, observation: Observation) -> tuple[str, ...]:
        """What keeps the whole cluster from having converged."""
        return tuple(unrest(observation, self._roster.expected(observation.nodes), moved=self._roster.moved))

    async def looks_quiet(self) -> bool:
        """A cheap first question: all nodes run, no hint is pending, all views and roots are equal."""
        running = self._cluster.running
        answers = await statuses(running)
        if answers is None or any(answer.hints_pending.count for answer in answers):
            return False
        by_name = {node.id: answer for node, answer in zip(running, answers, strict=True)}
        expected = self._roster.expected({name: membership_seen(answer) for name, answer in by_name.items()})
        if not set(expected) <= by_name.keys():
            return False
        concerned = [by_name[name] for name in expected]
        if len({answer.view_digest for answer in concerned}) > 1:
            return False
        if any(answer.unconfirmed_partitions or answer.draining for answer in concerned):
            return False
        return await roots_agree(running)

    async def until_quiet(self, why: Why, deadline: float) -> tuple[Observation, bool]:
        """Look until the cluster is quiet, or until `deadline` on the run's clock; the last look, and which it was.

        A cheap question is asked first, but never decides alone: a node may tell the same root whatever it holds, and
        one that is no owner may keep an old copy under a root of its own.
        """
        whole_look = self._chronicle.now() + WHOLE_LOOK_S
        while self._chronicle.now() < deadline:
            if await self.looks_quiet() or self._chronicle.now() > whole_look:
                whole_look = self._chronicle.now() + WHOLE_LOOK_S
                observation = await self.take(why)
                if not self.unrest(observation):
                    return observation, True
            await asyncio.sleep(POLL_S)
        observation = await self.take(why)
        return observation, not self.unrest(observation)

    async def observe(self, step: Observe, within_s: float) -> None:
        """Carry out an Observe step: look until its condition holds, and record the last look."""
        deadline = self._chronicle.now() + within_s
        while True:
            observation = await self.take("observe", lists=step.until == "now")
            met = holds(step, observation)
            if met or not self.sees_inside or self._chronicle.now() >= deadline:
                break
            await asyncio.sleep(POLL_S)
        self.record(msgspec.structs.replace(observation, condition=step.until, met=met))

    def _place_keys(self) -> dict[str, int]:
        if not {"ring", "inspect"} & self._cluster.profiles:
            return {}
        count = next(iter(self._cluster.descriptions.values())).partition_count
        return {key: partition_of(self._codec.known_key(key), count) for key in self._keys}
