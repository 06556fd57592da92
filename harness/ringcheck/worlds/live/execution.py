"""One schedule on one cluster, from the first step to the footer."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from platform import python_version

from ringcheck.cluster import Cluster
from ringcheck.codec import Codec
from ringcheck.errors import RingcheckError, TargetError
from ringcheck.history import Broke, Event, Header, History, Note
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
from ringcheck.target import Target
from ringcheck.version import __version__
from ringcheck.worlds.chronicle import Chronicle
from ringcheck.worlds.live.disturbance import Disturbance
from ringcheck.worlds.live.lookout import Lookout
from ringcheck.worlds.live.operator import Operator
from ringcheck.worlds.live.settling import Settling
from ringcheck.worlds.live.starvation import watch
from ringcheck.worlds.live.traffic import Traffic
from ringcheck.worlds.live.understudy import Understudies
from ringcheck.worlds.roster import Roster
from ringcheck_chaos.processes import ProcessError
from ringcheck_chaos.toxiproxy import ToxiproxyError

UNDECLARED = "Nothing was done: not all nodes of this mixed cluster declare the profile {}."
LIBRARIES = ("grpcio", "protobuf", "hypothesis")


class Execution:
    """Carries one schedule out. `left_quiet` says afterwards whether the cluster can be used for another one."""

    def __init__(self, cluster: Cluster, schedule: Schedule, chronicle: Chronicle, codec: Codec) -> None:
        self.left_quiet = False
        self._schedule = schedule
        self._roster = Roster(schedule.configuration.node_ids, schedule.joiners())
        self._missing = [each for each in schedule.wants_of_both if each not in cluster.profiles]
        self._check_network = cluster.check_network
        self._chronicle = chronicle
        self._detection_s = cluster.longest_s(lambda each: each.detection_deadline_ms)
        self._convergence_s = cluster.longest_s(lambda each: each.convergence_deadline_ms)
        self._understudies = Understudies(cluster, codec, chronicle, schedule)
        self._traffic = Traffic(cluster, codec, chronicle, self._understudies)
        self._disturbance = Disturbance(cluster, chronicle)
        self._lookout = Lookout(cluster, codec, chronicle, schedule, self._roster)
        self._operator = Operator(cluster, chronicle, self._roster, self._disturbance)
        self._settling = Settling(
            cluster,
            chronicle,
            schedule,
            traffic=self._traffic,
            disturbance=self._disturbance,
            lookout=self._lookout,
            operator=self._operator,
            roster=self._roster,
        )

    async def run(self) -> History:
        """Carry out every step; a failure of the target or the machine ends the history with Broke.

        On a cluster that is mixed of nodes that cannot talk to one another nothing is done, nor where members are to
        come and go and not all nodes know how.
        """
        if self._missing:
            self._chronicle.write(Note(time=self._chronicle.now(), text=UNDECLARED.format(self._missing[0])))
            self.left_quiet = True
            return self._chronicle.close()
        watching = asyncio.create_task(watch(self._chronicle), name="watch for starvation")
        try:
            self._lookout.record(await self._lookout.take("start"))
            for step in self._schedule.steps:
                await self._carry_out(step)
            await self._idle()
            await self._check_network()
        except (RingcheckError, ToxiproxyError, ProcessError, TimeoutError) as error:
            self.left_quiet = False
            reason = str(error) or "An answer that takes milliseconds did not come within seconds."
            self._chronicle.write(Broke(time=self._chronicle.now(), reason=reason))
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await self._traffic.cancel()
            await self._operator.cancel()
            await self._understudies.close()
            self._disturbance.end()
        self._disturbance.tell_logs()
        return self._chronicle.close()

    async def _carry_out(self, step: Step) -> None:
        if not isinstance(step, ExpectAnswer | ExpectSettled | Await):
            self.left_quiet = False
        match step:
            case Get() | Put() | Delete():
                await self._traffic.start(step)
            case Await():
                await self._idle()
            case Inject():
                await self._disturbance.inject(step)
            case Heal(id=fault_id):
                await self._disturbance.heal(fault_id)
            case Kill(nodes=nodes):
                await self._disturbance.kill(nodes)
            case Restart(nodes=nodes):
                await self._disturbance.restart(self._roster.startable(nodes))
            case CrashAfter():
                pass  # LiveWorld refuses schedules that ask for it
            case Wipe(nodes=nodes):
                await self._disturbance.wipe(tuple(filter(self._roster.was_started, nodes)))
            case Backup(nodes=nodes):
                await self._disturbance.back_up(tuple(filter(self._roster.was_started, nodes)))
            case RollBack(nodes=nodes):
                await self._disturbance.roll_back(nodes)
            case Join() | Leave() | Remove():
                await self._operator.change(step)
            case Retire():
                await self._operator.retire(step, within_s=self._convergence_s)
            case Disturb():
                await self._understudies.disturb(step)
            case Elapse(seconds=seconds, detections=detections):
                await asyncio.sleep(seconds + detections * self._detection_s)
            case Observe():
                await self._lookout.observe(step, within_s=self._convergence_s)
            case Settle():
                # Another schedule wants the members of its configuration.
                self.left_quiet = await self._settling.settle() and not self._roster.moved
            case ExpectAnswer() | ExpectSettled():
                pass  # the judge's business

    async def _idle(self) -> None:
        """Wait until no operation and no membership change is open."""
        await self._traffic.idle()
        await self._operator.idle()


async def execute(
    cluster: Cluster,
    schedule: Schedule,
    path: Path,
    *,
    target: Target,
    network: str,
    seed: int,
    on_event: Callable[[Event], None] | None = None,
) -> tuple[History, bool]:
    """Carry out a schedule on a cluster that is quiet; the history, and whether the cluster is quiet again.

    Raises TargetError when the limits of the target are too small for the schedule, and UsageError when the history
    cannot be written.
    """
    header = Header(
        ringcheck=__version__,
        started=datetime.now(UTC).isoformat(timespec="milliseconds"),
        command=target.command,
        nodes=cluster.descriptions,
        network=network,
        versions=versions(),
        seed=seed,
        schedule=schedule,
    )
    try:
        codec = Codec(schedule, cluster.narrowest)
    except ValueError as error:
        raise TargetError(f"The target's limits are too small for the schedule {schedule.name}: {error}") from None
    with Chronicle(path, header, on_event) as chronicle:
        execution = Execution(cluster, schedule, chronicle, codec)
        history = await execution.run()
    return history, execution.left_quiet


def versions() -> dict[str, str]:
    """What the run was made with."""
    return {
        "ringcheck": __version__,
        "python": python_version(),
        **{library: metadata.version(library) for library in LIBRARIES},
    }
