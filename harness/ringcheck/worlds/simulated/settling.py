"""Settling a simulated cluster: the same as in the live world (`ringcheck.worlds.live.settling`), in virtual time."""

from typing import Literal

import msgspec

from ringcheck.history import Converged, Diverged, Observation
from ringcheck.quiet import same_data
from ringcheck.schedule import Schedule
from ringcheck.simulation.cluster import SimulatedCluster
from ringcheck.worlds.chronicle import Chronicle
from ringcheck.worlds.roster import Roster
from ringcheck.worlds.simulated.lookout import POLL_S, Lookout
from ringcheck.worlds.simulated.traffic import Traffic


class Settling:
    """Waits for convergence once everything is healed, and reads everything everywhere."""

    def __init__(
        self,
        cluster: SimulatedCluster,
        chronicle: Chronicle,
        schedule: Schedule,
        *,
        traffic: Traffic,
        lookout: Lookout,
        roster: Roster,
    ) -> None:
        self._scheduler = cluster.scheduler
        self._chronicle = chronicle
        self._keys = schedule.keys()
        self._traffic = traffic
        self._lookout = lookout
        self._roster = roster
        self._hold_s = cluster.longest_s(lambda each: each.request_timeout_ms)
        self._deadline_s = cluster.longest_s(lambda each: each.convergence_deadline_ms)
        self._detection_s = cluster.longest_s(lambda each: each.detection_deadline_ms)
        self._in_flight_s = schedule.configuration.replica_timeout_ms / 1000

    def settle(self, index: int) -> None:
        """Everything has been healed just now: wait for convergence, and read."""
        healed = self._chronicle.now()
        inside = self._lookout.sees_inside
        reasons = self._by_looking(healed) if inside else self._by_reading(healed)
        # Until then a node may still ask a stand-in for a home that is back: that is no disagreement.
        self._scheduler.run_until(lambda: False, healed + self._detection_s)
        if reasons:
            self._chronicle.write(Diverged(time=self._chronicle.now(), index=index, healed=healed, reasons=reasons))
        else:
            by: Literal["inspect", "reads"] = "inspect" if inside else "reads"
            self._chronicle.write(Converged(time=self._chronicle.now(), index=index, by=by, healed=healed))
        members = self._roster.members(self._lookout.last)
        self._traffic.read_everywhere(self._keys, members, within_s=2 * self._hold_s)

    def decide(self) -> None:
        """Wait until all members have one view, and go by it for those that may have been removed."""
        deadline = self._chronicle.now() + self._deadline_s
        while True:
            seen = self._lookout.take("observe", lists=False).nodes
            one_view = len({node.view_digest for node in self._roster.voices(seen).values()}) == 1
            if one_view or self._chronicle.now() >= deadline:
                break
            self._scheduler.run_for(POLL_S)
        self._roster.decide(seen)

    def _by_looking(self, healed: float) -> tuple[str, ...]:
        deadline = healed + self._deadline_s
        converged, quiet = self._until_calm(deadline)
        while quiet:
            self._scheduler.run_for(self._hold_s)
            held = self._lookout.take("held")
            if not self._lookout.unrest(held) and same_data(converged, held):
                self._lookout.record(converged)
                self._lookout.record(held)
                return ()
            # It was a lull: what came after it belongs to the same convergence, which may take one hold longer.
            self._lookout.record(msgspec.structs.replace(held, why="observe"))
            converged, quiet = self._lookout.until_quiet("converged", deadline + self._hold_s)
        diverged = self._lookout.record(msgspec.structs.replace(converged, why="diverged"))
        return self._lookout.unrest(diverged)

    def _until_calm(self, deadline: float) -> tuple[Observation, bool]:
        """The first quiet look after what was still on its way between two nodes has arrived."""
        observation, quiet = self._lookout.until_quiet("converged", deadline)
        while quiet:
            self._scheduler.run_for(self._in_flight_s)
            observation = self._lookout.take("converged")
            if not self._lookout.unrest(observation):
                return observation, True
            observation, quiet = self._lookout.until_quiet("converged", deadline)
        return observation, False

    def _by_reading(self, healed: float) -> tuple[str, ...]:
        deadline = healed + self._deadline_s
        members = self._roster.members({})
        while True:
            answers = {key: self._traffic.answers(key, members) for key in self._keys}
            differing = [key for key, found in answers.items() if len(found) != 1 or None in found]
            if not differing:
                self._scheduler.run_for(self._hold_s)
                if {key: self._traffic.answers(key, members) for key in self._keys} == answers:
                    return ()
            if self._chronicle.now() >= deadline:
                break
            self._scheduler.run_for(POLL_S)
        if not differing:
            return ("The answers of the nodes still change.",)
        return tuple(f"The nodes answer differently, or not at all, when key {key!r} is read." for key in differing)
