"""The live world: real processes, real gRPC clients, a fault proxy on every link."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from ringcheck.cluster import Cluster
from ringcheck.errors import TargetError, UsageError
from ringcheck.history import Event, History
from ringcheck.loop import LoopThread
from ringcheck.observe import roots_agree, statuses
from ringcheck.schedule import Schedule, beyond_live
from ringcheck.target import Target
from ringcheck.worlds.live.execution import execute
from ringcheck_chaos.toxiproxy import ServerChoice, Toxiproxy, ToxiproxyError, find_server

POLL_S = 0.05


class LiveWorld:
    """Carries schedules out on clusters of a target. For use from synchronous code; one schedule at a time.

    A cluster is kept for the next schedule of an equal configuration if the last one left it converged; else it is
    thrown away. Raises UsageError for a Toxiproxy choice that leads nowhere.

    target     what to start
    toxiproxy  "embedded", the path of a toxiproxy-server, or the URL of a running one; None chooses
    seed       the run's, for the header of its histories
    on_event   is called with each event of a history, in the world's thread
    """

    def __init__(
        self,
        target: Target,
        *,
        toxiproxy: str | None = None,
        seed: int = 0,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self._target = target
        self._seed = seed
        self._on_event = on_event
        try:
            self._server = find_server(toxiproxy)
        except ToxiproxyError as error:
            raise UsageError(str(error)) from None
        self._network = ""
        self._cluster: Cluster | None = None
        self._loop = LoopThread()

    def carry_out(self, schedule: Schedule, path: Path) -> History:
        """Carry a schedule out and write its history to `path`.

        A target or machine that fails in mid-run ends the history with Broke. Raises RingcheckError when it fails
        before the first step.
        """
        return self._loop.run(self._carry_out(schedule, path))

    def close(self) -> None:
        """End the cluster and the thread. Closing twice does nothing."""
        if not self._loop.closed:
            self._loop.run(self._drop_cluster())
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _carry_out(self, schedule: Schedule, path: Path) -> History:
        if what := beyond_live(schedule):
            raise UsageError(
                f"The schedule {schedule.name} asks for {what}, which only the simulated world can do; "
                "name a core to simulate with --core, or leave that step out."
            )
        quiet = False
        try:
            cluster = await self._cluster_for(schedule)
            history, quiet = await execute(
                cluster,
                schedule,
                path,
                target=self._target,
                network=self._network,
                seed=self._seed,
                on_event=self._on_event,
            )
        finally:
            if not quiet:
                await self._drop_cluster()
        return history

    async def _cluster_for(self, schedule: Schedule) -> Cluster:
        configuration, joiners = schedule.configuration, schedule.joiners()
        if (it := self._cluster) and not (
            it.configuration == configuration and it.joiners == joiners and await _rests(it)
        ):
            await self._drop_cluster()
        if self._cluster is None:
            self._network = self._network or await asyncio.to_thread(network_name, self._server)
            self._cluster = await Cluster.start(self._target, configuration, self._server, joiners=joiners)
            if self._cluster.is_fit:
                await _come_to_rest(self._cluster)
            for node in map(self._cluster.nodes.__getitem__, configuration.node_ids):
                if not node.up:
                    raise TargetError(f"Node {node.id} ended before anything was asked of it. {node.last_words()}")
        return self._cluster

    async def _drop_cluster(self) -> None:
        cluster, self._cluster = self._cluster, None
        if cluster:
            await cluster.close()


async def _come_to_rest(cluster: Cluster) -> None:
    """Wait until a cluster that has just been started has found itself.

    Nodes promise nothing before their detection deadline has passed. If they still are at odds at the convergence
    deadline, the run begins all the same: saying so is the judge's business.
    """
    started = time.monotonic()
    await asyncio.sleep(cluster.longest_s(lambda each: each.detection_deadline_ms))
    deadline = started + cluster.longest_s(lambda each: each.convergence_deadline_ms)
    while time.monotonic() < deadline:
        if await _rests(cluster):
            break
        await asyncio.sleep(POLL_S)


async def _rests(cluster: Cluster) -> bool:
    """Whether all nodes run and, as far as they show it, hold no hint and agree."""
    if not cluster.complete:
        return False
    if not cluster.is_fit:
        return True
    if "inspect" not in cluster.profiles:
        return True
    answers = await statuses(cluster.running)
    if answers is None or any(answer.hints_pending.count for answer in answers):
        return False
    return len({answer.view_digest for answer in answers}) == 1 and await roots_agree(cluster.running)


def network_name(server: ServerChoice) -> str:
    """What carries the links, for the header of a history."""
    if server.kind != "url":
        return f"toxiproxy ({server.where})" if server.where else server.kind
    client = Toxiproxy(server.where)
    try:
        return f"toxiproxy {client.version()} ({server.where})"
    except ToxiproxyError:
        return f"toxiproxy ({server.where})"
    finally:
        client.close()
