"""Who changes the membership of a run's cluster: asks one node for each change, and stops those that have left."""

import asyncio

import grpc

from dynamo_node.v1 import config_pb2, membership_pb2, membership_pb2_grpc
from ringcheck.client import PATIENCE
from ringcheck.cluster import Cluster
from ringcheck.history import Change, ChangeDone, Note, Retired
from ringcheck.observe import membership_seen, statuses
from ringcheck.schedule import Join, MembershipChange, Retire
from ringcheck.worlds.chronicle import Chronicle
from ringcheck.worlds.live.disturbance import Disturbance
from ringcheck.worlds.records import NOT_ASKED, UNSEEN, change_done, not_sent, undrained
from ringcheck.worlds.roster import Roster

POLL_S = 0.05


class Operator:
    """All membership changes of one run. Its calls go straight to the nodes, past every proxy."""

    def __init__(self, cluster: Cluster, chronicle: Chronicle, roster: Roster, disturbance: Disturbance) -> None:
        self._cluster = cluster
        self._chronicle = chronicle
        self._roster = roster
        self._disturbance = disturbance
        self._open: list[asyncio.Task[None]] = []

    async def change(self, step: MembershipChange) -> None:
        """Start who is to join, ask for the change, and wait for the answer if the step says so. Raises TargetError."""
        if "membership" not in self._cluster.profiles:
            return self._note(NOT_ASKED)
        if isinstance(step, Join) and self._roster.start(step.node):
            self._cluster.nodes[step.node].introduce(self._roster.seeds(step.node))
            await self._disturbance.restart([step.node])
        change = self._roster.change(step, self._chronicle.now(), self._cluster.runs)
        if change is None:
            return self._note(not_sent(step), step.node)
        self._chronicle.write(change)
        task = asyncio.create_task(self._ask(change), name=f"change {change.number}")
        self._open.append(task)
        if step.wait:
            await task
        else:
            await asyncio.sleep(0)  # let it be sent before the next step begins
        return None

    async def retire(self, step: Retire, within_s: float) -> None:
        """Wait until these leavers are drained, and stop them for good; say so of those that are not in time."""
        if not {"membership", "inspect"} <= self._cluster.profiles:
            return self._note(UNSEEN)
        deadline = self._chronicle.now() + within_s
        for name in step.nodes:
            while not (drained := await self._is_drained(name)):
                if self._chronicle.now() >= deadline:
                    break
                await asyncio.sleep(POLL_S)
            if not drained:
                self._note(undrained(name, within_s), name)
                continue
            await self._disturbance.kill([name])
            self._roster.retire(name)
            self._chronicle.write(Retired(time=self._chronicle.now(), node=name))
        return None

    async def idle(self) -> None:
        """Wait until no change is open; each has a deadline of its own."""
        await asyncio.gather(*self._open)

    async def cancel(self) -> None:
        """Give up what is open, without a word in the history."""
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _is_drained(self, name: str) -> bool:
        running = [node for node in self._cluster.running if node.id not in self._roster.gone]
        answers = await statuses(running)
        if answers is None:
            return False
        seen = {node.id: membership_seen(answer) for node, answer in zip(running, answers, strict=True)}
        return self._roster.is_drained(name, seen)

    async def _ask(self, change: Change) -> None:
        node = self._cluster.nodes[change.through]
        stub = membership_pb2_grpc.MembershipStub(node.channel)
        patience_s = PATIENCE * self._cluster.longest_s(lambda each: each.request_timeout_ms)
        code, message = grpc.StatusCode.OK, ""
        try:
            match change.kind:
                case "join":
                    member = config_pb2.Member(node_id=change.node, weight=change.weight, host=change.host)
                    await stub.Join(membership_pb2.JoinRequest(member=member), timeout=patience_s)
                case "leave":
                    await stub.Leave(membership_pb2.LeaveRequest(node_id=change.node), timeout=patience_s)
                case "remove":
                    await stub.Remove(membership_pb2.RemoveRequest(node_id=change.node), timeout=patience_s)
        except grpc.aio.AioRpcError as error:
            code, message = error.code(), error.details() or ""
        done: ChangeDone = change_done(change, code.name, message, self._chronicle.now())
        self._roster.answered(done)
        self._chronicle.write(done)

    def _note(self, text: str, node: str = "") -> None:
        self._chronicle.write(Note(time=self._chronicle.now(), text=text, node=node))
