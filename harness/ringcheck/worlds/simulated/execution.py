"""One schedule on one simulated cluster, from the first step to the footer."""

import traceback

from ringcheck.codec import Codec
from ringcheck.errors import RingcheckError
from ringcheck.history import (
    Broke,
    DiskLost,
    FaultBegan,
    FaultEnded,
    History,
    NodeDown,
    NodeUp,
    Note,
    SettleBegan,
)
from ringcheck.lifetime import forget_outlived
from ringcheck.schedule import (
    Await,
    Backup,
    CrashAfter,
    Delete,
    Disturb,
    Elapse,
    ExpectAnswer,
    ExpectSettled,
    Get,
    Heal,
    Inject,
    Join,
    Kill,
    Leave,
    Observe,
    Put,
    Remove,
    Restart,
    Retire,
    RollBack,
    Schedule,
    Settle,
    Step,
    Wipe,
)
from ringcheck.simulation.cluster import SimulatedCluster
from ringcheck.simulation.node import CoreFailedError
from ringcheck.worlds.chronicle import Chronicle
from ringcheck.worlds.records import not_paused
from ringcheck.worlds.roster import Roster
from ringcheck.worlds.simulated.lookout import Lookout
from ringcheck.worlds.simulated.operator import Operator
from ringcheck.worlds.simulated.settling import Settling
from ringcheck.worlds.simulated.traffic import Traffic
from ringcheck_chaos.faults import Fault, MessageFault, Pause

PROOF = "simulated"
"""What proves a fault here: the world itself made it."""
START_S = 0.15
"""How long a node takes from its start until it is healthy."""
TRACE_LINES = 12
FIRST_DISTURBANCE = 1_000_000
"""Faults that a Disturb step makes are numbered from here on."""
REPEATED_LATE_MS = 60
LATE_MS = 25


class Execution:
    """Carries one schedule out on a new cluster."""

    def __init__(self, cluster: SimulatedCluster, schedule: Schedule, chronicle: Chronicle, codec: Codec) -> None:
        self._cluster = cluster
        self._schedule = schedule
        self._chronicle = chronicle
        self._scheduler = cluster.scheduler
        self._detection_s = cluster.longest_s(lambda each: each.detection_deadline_ms)
        self._convergence_s = cluster.longest_s(lambda each: each.convergence_deadline_ms)
        self._roster = Roster(schedule.configuration.node_ids, schedule.joiners())
        self._traffic = Traffic(cluster, codec, chronicle)
        self._lookout = Lookout(cluster, codec, chronicle, schedule, self._roster)
        self._operator = Operator(cluster, chronicle, self._roster, lambda name: self._restart((name,)))
        self._settling = Settling(
            cluster, chronicle, schedule, traffic=self._traffic, lookout=self._lookout, roster=self._roster
        )
        self._settles = 0
        self._next_disturbance = FIRST_DISTURBANCE
        cluster.on_death = self._died

    def run(self) -> History:
        """Carry out every step; a core that fails ends the history with Broke."""
        try:
            # Nodes promise nothing before their detection deadline has passed.
            self._scheduler.run_for(self._detection_s)
            self._lookout.until_quiet("start", self._convergence_s)
            self._lookout.record(self._lookout.take("start"))
            for step in self._schedule.steps:
                self._carry_out(step)
            self._await()
        except CoreFailedError as error:
            lines = "".join(traceback.format_exception(error.__cause__)).splitlines()
            self._chronicle.write(Note(time=self._chronicle.now(), text="\n".join(lines[-TRACE_LINES:])))
            self._chronicle.write(Broke(time=self._chronicle.now(), reason=str(error)))
        except RingcheckError as error:
            self._chronicle.write(Broke(time=self._chronicle.now(), reason=str(error)))
        except (TypeError, ValueError, AttributeError, LookupError) as error:
            # Something that a core gave earlier was not what it should have been, and was used only now.
            lines = traceback.format_exception(error)
            self._chronicle.write(Note(time=self._chronicle.now(), text="".join(lines).rstrip()))
            reason = f"The simulation cannot use what a core gave it: {type(error).__name__}: {error}"
            self._chronicle.write(Broke(time=self._chronicle.now(), reason=reason))
        return self._chronicle.close(self._cluster.chance.draws)

    def _carry_out(self, step: Step) -> None:
        match step:
            case Get() | Put() | Delete():
                self._traffic.start(step)
                if step.wait:
                    self._scheduler.run_until(lambda: not self._traffic.is_open(step.id), float("inf"))
            case Await():
                self._await()
            case Inject(id=number, fault=fault):
                self._inject(number, fault)
            case Heal(id=number):
                self._heal(number)
            case Kill(nodes=nodes):
                self._kill(nodes)
            case CrashAfter(node=name, effects=effects):
                if self._cluster.nodes[name].run is not None:
                    self._cluster.nodes[name].effects_left = effects
            case Restart(nodes=nodes):
                self._restart(self._roster.startable(nodes))
            case Wipe(nodes=nodes):
                self._wipe(tuple(filter(self._roster.was_started, nodes)))
            case Backup(nodes=nodes):
                for name in filter(self._roster.was_started, nodes):
                    self._cluster.nodes[name].disk.back_up()
            case RollBack(nodes=nodes):
                self._roll_back(nodes)
            case Join() | Leave() | Remove():
                self._operator.change(step)
            case Retire():
                self._operator.retire(step, within_s=self._convergence_s)
            case Disturb(node=name):
                self._disturb(name)
            case Elapse(seconds=seconds, detections=detections):
                self._scheduler.run_for(seconds + detections * self._detection_s)
            case Observe():
                self._lookout.observe(step, within_s=self._convergence_s)
            case Settle():
                self._settle()
            case ExpectAnswer() | ExpectSettled():
                pass  # the judge's business

    def _await(self) -> None:
        """Wait until no operation and no membership change is open; each has a deadline of its own."""
        self._scheduler.run_until(lambda: self._traffic.idle and self._operator.idle, float("inf"))

    def _inject(self, number: int, fault: Fault) -> None:
        if isinstance(fault, Pause) and self._cluster.nodes[fault.node].run is None:
            text = not_paused(fault.node)
            self._chronicle.write(Note(time=self._chronicle.now(), text=text, node=fault.node))
            return
        self._cluster.inject(number, fault)
        now = self._chronicle.now()
        self._chronicle.write(FaultBegan(time=now, began=now, fault_id=number, fault=fault, bit=True, proof=PROOF))

    def _heal(self, number: int) -> None:
        suffered = self._cluster.suffered(number)
        if self._cluster.heal(number) is not None:
            now = self._chronicle.now()
            self._chronicle.write(
                FaultEnded(time=now, began=now, fault_id=number, bit=True, proof=PROOF, messages=suffered)
            )

    def _disturb(self, name: str) -> None:
        """Nobody can make a core's messages but a core: those of its peers come twice, and some of them late."""
        for fault in (
            MessageFault(action="repeat", delay_ms=REPEATED_LATE_MS, target=name),
            MessageFault(action="delay", every=3, delay_ms=LATE_MS, target=name),
        ):
            self._inject(self._next_disturbance, fault)
            self._next_disturbance += 1

    def _kill(self, names: tuple[str, ...]) -> None:
        for name in names:
            self._cluster.nodes[name].crash()

    def _restart(self, names: tuple[str, ...]) -> None:
        down = [self._cluster.nodes[name] for name in names if self._cluster.nodes[name].run is None]
        began = self._chronicle.now()
        described = {node.name: self._cluster.start(node.name) for node in down}
        if down:
            self._scheduler.run_for(START_S)
        for name, description in described.items():
            self._chronicle.write(NodeUp(time=self._chronicle.now(), began=began, node=name, description=description))

    def _wipe(self, names: tuple[str, ...]) -> None:
        self._kill(names)
        for name in names:
            self._cluster.nodes[name].disk.wipe()
            self._chronicle.write(DiskLost(time=self._chronicle.now(), node=name, how="wiped"))

    def _roll_back(self, names: tuple[str, ...]) -> None:
        disks = {name: self._cluster.nodes[name].disk for name in names}
        for name, why in forget_outlived(disks, self._cluster.descriptions.values()):
            self._chronicle.write(Note(time=self._chronicle.now(), text=why, node=name))
        copied = tuple(name for name in names if disks[name].has_copy)
        self._kill(copied)
        for name in copied:
            disks[name].roll_back()
            self._chronicle.write(DiskLost(time=self._chronicle.now(), node=name, how="rolled back"))

    def _settle(self) -> None:
        self._await()
        index, self._settles = self._settles, self._settles + 1
        self._chronicle.write(SettleBegan(time=self._chronicle.now(), index=index))
        for node in self._cluster.nodes.values():
            node.effects_left = None
        for number in list(self._cluster.faults):
            self._heal(number)
        self._kill(self._roster.gone)
        self._restart(self._roster.due)
        if self._roster.doubtful:
            self._settling.decide()
            self._kill(self._roster.gone)
            self._restart(self._roster.startable(self._roster.doubtful))
        self._settling.settle(index)

    def _died(self, name: str) -> None:
        now = self._chronicle.now()
        self._chronicle.write(NodeDown(time=now, began=now, node=name, killed=True, proof=PROOF))
        for number, fault in list(self._cluster.faults.items()):
            if fault == Pause(name):
                self._heal(number)  # a node that is gone is not paused any more
