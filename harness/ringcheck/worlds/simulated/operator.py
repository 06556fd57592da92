"""Who changes the membership of a simulated cluster: as in the live world, see `ringcheck.worlds.live.operator`."""

from collections.abc import Callable

from ringcheck.history import Note, Retired
from ringcheck.schedule import Join, MembershipChange, Retire
from ringcheck.simulation.cluster import SimulatedCluster
from ringcheck.simulation.looking import look_at_members
from ringcheck.simulation.node import Order, Outcome
from ringcheck.worlds.chronicle import Chronicle
from ringcheck.worlds.records import NOT_ASKED, UNSEEN, change_done, not_sent, undrained
from ringcheck.worlds.roster import Roster
from ringcheck.worlds.simulated.lookout import POLL_S


class Operator:
    """All membership changes of one run. `start` starts a node that is to join, unless it runs."""

    def __init__(
        self, cluster: SimulatedCluster, chronicle: Chronicle, roster: Roster, start: Callable[[str], None]
    ) -> None:
        self._cluster = cluster
        self._chronicle = chronicle
        self._roster = roster
        self._start = start
        self._open: set[int] = set()

    @property
    def idle(self) -> bool:
        """Whether no change is open."""
        return not self._open

    def change(self, step: MembershipChange) -> None:
        """Start who is to join, ask for the change, and wait for the answer if the step says so."""
        if "membership" not in self._cluster.profiles:
            return self._note(NOT_ASKED)
        if isinstance(step, Join) and self._roster.start(step.node):
            self._cluster.introduce(step.node, self._roster.seeds(step.node))
            self._start(step.node)
        nodes = self._cluster.nodes
        change = self._roster.change(step, self._chronicle.now(), lambda name: nodes[name].answers)
        if change is None:
            return self._note(not_sent(step), step.node)
        self._chronicle.write(change)
        self._open.add(change.number)

        def heard(outcome: Outcome) -> None:
            done = change_done(change, outcome.code, outcome.message, self._chronicle.now())
            self._open.remove(change.number)
            self._roster.answered(done)
            self._chronicle.write(done)

        order = Order(change.kind, change.node, change.weight, change.host)
        self._cluster.order(change.through, order, heard)
        if step.wait:
            self._cluster.scheduler.run_until(lambda: change.number not in self._open, float("inf"))
        return None

    def retire(self, step: Retire, within_s: float) -> None:
        """Wait until these leavers are drained, and stop them for good; say so of those that are not in time."""
        if not {"membership", "inspect"} <= self._cluster.profiles:
            return self._note(UNSEEN)
        deadline = self._chronicle.now() + within_s
        for name in step.nodes:
            while not (drained := self._is_drained(name)) and self._chronicle.now() < deadline:
                self._cluster.scheduler.run_for(POLL_S)
            if not drained:
                self._note(undrained(name, within_s), name)
                continue
            self._cluster.nodes[name].crash()
            self._roster.retire(name)
            self._chronicle.write(Retired(time=self._chronicle.now(), node=name))
        return None

    def _is_drained(self, name: str) -> bool:
        running = [node for node in self._cluster.running if node.name not in self._roster.gone]
        return self._roster.is_drained(name, look_at_members(running))

    def _note(self, text: str, node: str = "") -> None:
        self._chronicle.write(Note(time=self._chronicle.now(), text=text, node=node))
