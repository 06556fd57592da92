"""What a Settle step does: everything is healed, and the cluster is given its declared time to come to rest."""

import asyncio
from typing import Literal

import msgspec

from ringcheck.cluster import Cluster
from ringcheck.history import Converged, Diverged, Observation, SettleBegan
from ringcheck.quiet import same_data
from ringcheck.schedule import Schedule
from ringcheck.worlds.chronicle import Chronicle
from ringcheck.worlds.live.disturbance import Disturbance
from ringcheck.worlds.live.lookout import POLL_S, Lookout
from ringcheck.worlds.live.operator import Operator
from ringcheck.worlds.live.traffic import Traffic
from ringcheck.worlds.roster import Roster


class Settling:
    """Settles a run's cluster, any number of times."""

    def __init__(
        self,
        cluster: Cluster,
        chronicle: Chronicle,
        schedule: Schedule,
        *,
        traffic: Traffic,
        disturbance: Disturbance,
        lookout: Lookout,
        operator: Operator,
        roster: Roster,
    ) -> None:
        self._chronicle = chronicle
        self._keys = schedule.keys()
        self._traffic = traffic
        self._disturbance = disturbance
        self._lookout = lookout
        self._operator = operator
        self._roster = roster
        self._index = 0
        self._hold_s = cluster.longest_s(lambda each: each.request_timeout_ms)
        self._deadline_s = cluster.longest_s(lambda each: each.convergence_deadline_ms)
        self._detection_s = cluster.longest_s(lambda each: each.detection_deadline_ms)
        self._in_flight_s = schedule.configuration.replica_timeout_ms / 1000

    async def settle(self) -> bool:
        """Heal, restart, wait for convergence, read everything everywhere; whether it converged."""
        await self._traffic.idle()
        await self._operator.idle()
        index, self._index = self._index, self._index + 1
        self._chronicle.write(SettleBegan(time=self._chronicle.now(), index=index))
        await self._disturbance.heal_all()
        await self._disturbance.kill(self._roster.gone)
        await self._disturbance.restart(self._roster.due)
        await self._restart_doubtful()
        healed = self._chronicle.now()
        if self._lookout.sees_inside:
            reasons = await self._by_looking(healed)
        else:
            reasons = await self._by_reading(healed)
        # Until then a node may still ask a stand-in for a home that is back: that is no disagreement.
        await asyncio.sleep(max(0.0, healed + self._detection_s - self._chronicle.now()))
        if reasons:
            self._chronicle.write(Diverged(time=self._chronicle.now(), index=index, healed=healed, reasons=reasons))
        else:
            by: Literal["inspect", "reads"] = "inspect" if self._lookout.sees_inside else "reads"
            self._chronicle.write(Converged(time=self._chronicle.now(), index=index, by=by, healed=healed))
        members = self._roster.members(self._lookout.last)
        await self._traffic.read_everywhere(self._keys, members, within_s=2 * self._hold_s)
        return not reasons

    async def _restart_doubtful(self) -> None:
        """Start the nodes again that may have been removed, if a member lists them still, once all have one view."""
        if not self._roster.doubtful:
            return
        deadline = self._chronicle.now() + self._deadline_s
        while True:
            seen = (await self._lookout.take("observe", lists=False)).nodes
            one_view = len({node.view_digest for node in self._roster.voices(seen).values()}) == 1
            if one_view or self._chronicle.now() >= deadline:
                break
            await asyncio.sleep(POLL_S)
        self._roster.decide(seen)
        await self._disturbance.kill(self._roster.gone)
        await self._disturbance.restart(self._roster.startable(self._roster.doubtful))

    async def _by_looking(self, healed: float) -> tuple[str, ...]:
        """Wait until the cluster is quiet and still so one request time-out later; else what keeps it from it."""
        deadline = healed + self._deadline_s
        converged, quiet = await self._until_calm(deadline)
        while quiet:
            await asyncio.sleep(self._hold_s)
            held = await self._lookout.take("held")
            if not self._lookout.unrest(held) and same_data(converged, held):
                self._lookout.record(converged)
                self._lookout.record(held)
                return ()
            # It was a lull: what came after it belongs to the same convergence, which may take one hold longer.
            self._lookout.record(msgspec.structs.replace(held, why="observe"))
            converged, quiet = await self._lookout.until_quiet("converged", deadline + self._hold_s)
        diverged = self._lookout.record(msgspec.structs.replace(converged, why="diverged"))
        return self._lookout.unrest(diverged)

    async def _until_calm(self, deadline: float) -> tuple[Observation, bool]:
        """The first quiet look after what was still on its way between two nodes has arrived."""
        observation, quiet = await self._lookout.until_quiet("converged", deadline)
        while quiet:
            await asyncio.sleep(self._in_flight_s)
            observation = await self._lookout.take("converged")
            if not self._lookout.unrest(observation):
                return observation, True
            observation, quiet = await self._lookout.until_quiet("converged", deadline)
        return observation, False

    async def _by_reading(self, healed: float) -> tuple[str, ...]:
        """Wait until all nodes answer alike for every key, and still do one request time-out later."""
        deadline = healed + self._deadline_s
        while True:
            answers, differing = await self._read_all()
            if not differing:
                await asyncio.sleep(self._hold_s)
                later, differing = await self._read_all()
                if later == answers:
                    return ()
            if self._chronicle.now() >= deadline:
                break
            await asyncio.sleep(POLL_S)
        if not differing:
            return ("The answers of the nodes still change.",)
        return tuple(f"The nodes answer differently, or not at all, when key {key!r} is read." for key in differing)

    async def _read_all(self) -> tuple[dict[str, object], list[str]]:
        """What the nodes answer for each key, and the keys for which they do not answer alike."""
        members = self._roster.members({})
        answers = {key: await self._traffic.answers(key, members) for key in self._keys}
        differing = [key for key, found in answers.items() if len(found) != 1 or None in found]
        return dict(answers), differing
