"""Faults and deaths of a run: made, proved, told, and undone."""

import asyncio
import signal
import time
from collections.abc import Sequence

from ringcheck.cluster import Cluster
from ringcheck.history import DiskLost, FaultBegan, FaultEnded, NodeDown, NodeUp, Note
from ringcheck.lifetime import forget_outlived
from ringcheck.node import Node
from ringcheck.schedule import Inject
from ringcheck.worlds.chronicle import Chronicle
from ringcheck.worlds.records import not_paused
from ringcheck_chaos.faults import CLIENT, Fault, LinkFault, NetworkFault, Pause
from ringcheck_chaos.proof import Proof


class Disturbance:
    """What a run does to its cluster. Steps come one after another; a node may die by itself at any time."""

    def __init__(self, cluster: Cluster, chronicle: Chronicle) -> None:
        self._cluster = cluster
        self._chronicle = chronicle
        self._pauses: dict[int, str] = {}
        """The node that is paused, by the id of the fault."""
        cluster.watch(self._died)
        cluster.forget_copies()

    async def inject(self, step: Inject) -> None:
        """Let a fault of the network, or a pause, begin. Raises ToxiproxyError, ProcessError, ValueError."""
        if isinstance(step.fault, Pause):
            name = step.fault.node
            if not self._cluster.nodes[name].up:
                self._chronicle.write(Note(time=self._chronicle.now(), text=not_paused(name), node=name))
                return
            process = self._cluster.nodes[name].process
            proof = await process.pause()
            if not process.running:  # it has died of itself, which is told elsewhere
                return
            self._pauses[step.id] = name
        else:
            assert isinstance(step.fault, NetworkFault), "the live world refuses schedules with others"
            proof = await self._cluster.links.inject(step.id, step.fault, self._cluster.runs)
        self._chronicle.write(
            FaultBegan(
                time=self._chronicle.at(proof.ended),
                began=self._chronicle.at(proof.began),
                fault_id=step.id,
                fault=step.fault,
                bit=proof.bit,
                proof=proof.detail,
            )
        )

    async def heal(self, fault_id: int) -> None:
        """End a fault; one that has ended already stays so. Raises ToxiproxyError, ProcessError."""
        fault: Fault
        if fault_id in self._pauses:
            fault = Pause(self._pauses[fault_id])
            proof = await self._resume(fault_id)
            if not self._cluster.nodes[fault.node].process.running:  # as above
                return
            del self._pauses[fault_id]
        elif fault_id in self._cluster.links.active:
            fault = self._cluster.links.active[fault_id]
            proof = await self._cluster.links.heal(fault_id, self._cluster.runs)
        else:
            return
        self._tell_end(fault_id, proof)
        await self._reconnect(_nodes_cut_from_clients(fault))

    async def heal_all(self) -> None:
        """End every fault, one after another, each with its own proof; those that are paused go on first."""
        for fault_id in [*self._pauses, *self._cluster.links.active]:
            await self.heal(fault_id)

    async def kill(self, names: Sequence[str]) -> None:
        """SIGKILL these nodes at once."""
        nodes, proof = await self._cluster.kill(names)
        for node in nodes:
            self._chronicle.write(
                NodeDown(
                    time=self._chronicle.at(proof.ended),
                    began=self._chronicle.at(proof.began),
                    node=node.id,
                    killed=node.process.returncode == -signal.SIGKILL,
                    proof=node.how_it_ended(),
                )
            )
            self._forget_pauses(node, proof.began, proof.ended)

    async def wipe(self, names: Sequence[str]) -> None:
        """SIGKILL these nodes, those that run, and take all that their disks held away. Raises MachineError."""
        await self.kill(names)
        for name in names:
            await self._cluster.wipe(name)
            self._chronicle.write(DiskLost(time=self._chronicle.now(), node=name, how="wiped"))

    async def back_up(self, names: Sequence[str]) -> None:
        """Copy what the disks of these nodes hold now. Raises MachineError."""
        for name, still_s in (await self._cluster.back_up(names)).items():
            still = f", which stood still for {still_s * 1000:.0f} ms" if still_s else ""
            text = f"The disk of {name} was copied{still}."
            self._chronicle.write(Note(time=self._chronicle.now(), text=text, node=name))

    async def roll_back(self, names: Sequence[str]) -> None:
        """SIGKILL those of these nodes of whose disks there is a copy, and put it in place. Raises MachineError."""
        disks = {name: self._cluster.nodes[name].disk for name in names}
        for name, why in forget_outlived(disks, self._cluster.descriptions.values()):
            self._chronicle.write(Note(time=self._chronicle.now(), text=why, node=name))
        copied = [name for name in names if disks[name].has_copy]
        await self.kill(copied)
        for name in copied:
            await self._cluster.roll_back(name)
            self._chronicle.write(DiskLost(time=self._chronicle.now(), node=name, how="rolled back"))

    async def restart(self, names: Sequence[str]) -> None:
        """Start those of these nodes that are down; one that never ran also says what it is. Raises TargetError."""
        new = [name for name in names if not self._cluster.nodes[name].was_started]
        started = await self._cluster.restart(names)
        for node, began, healthy in started:
            self._chronicle.write(
                NodeUp(
                    time=self._chronicle.at(healthy),
                    began=self._chronicle.at(began),
                    node=node.id,
                    description=node.description if node.id in new else None,
                )
            )
        await self._reconnect([node.id for node, _, _ in started])

    async def _resume(self, fault_id: int) -> Proof:
        """Let a node go on, unless another pause of it lasts."""
        name = self._pauses[fault_id]
        if [each for each in self._pauses.values() if each == name] != [name]:
            now = time.monotonic()
            return Proof(bit=True, detail=f"{name} is still paused by another fault", began=now, ended=now)
        return await self._cluster.nodes[name].process.resume()

    def _forget_pauses(self, node: Node, began: float, ended: float) -> None:
        """A node that is gone is not paused any more."""
        for fault_id in [number for number, name in self._pauses.items() if name == node.id]:
            del self._pauses[fault_id]
            self._tell_end(fault_id, Proof(bit=True, detail=node.how_it_ended(), began=began, ended=ended))

    def _tell_end(self, fault_id: int, proof: Proof) -> None:
        self._chronicle.write(
            FaultEnded(
                time=self._chronicle.at(proof.ended),
                began=self._chronicle.at(proof.began),
                fault_id=fault_id,
                bit=proof.bit,
                proof=proof.detail,
            )
        )

    def tell_logs(self) -> None:
        """Note the last lines that the nodes wrote during this run."""
        for node in self._cluster.nodes.values():
            self._tell_log(node)

    def end(self) -> None:
        """The run is over: deaths are no longer its business."""
        self._cluster.watch(None)

    async def _reconnect(self, names: Sequence[str]) -> None:
        """Let the clients' channels find these nodes again, or the next operation would meet a channel in backoff."""
        cut = {name for fault in self._cluster.links.active.values() for name in _nodes_cut_from_clients(fault)}
        nodes = [self._cluster.nodes[name] for name in names if name not in cut and self._cluster.runs(name)]
        await asyncio.gather(*(node.reconnect_client() for node in nodes))

    def _died(self, node: Node) -> None:
        self._chronicle.write(
            NodeDown(
                time=self._chronicle.now(),
                began=self._chronicle.at(node.last_seen),
                node=node.id,
                killed=False,
                proof=node.how_it_ended(),
            )
        )
        self._forget_pauses(node, node.last_seen, time.monotonic())
        self._tell_log(node)

    def _tell_log(self, node: Node) -> None:
        if text := node.new_log_lines():
            self._chronicle.write(Note(time=self._chronicle.now(), text=text, node=node.id, log=True))


def _nodes_cut_from_clients(fault: Fault) -> tuple[str, ...]:
    if isinstance(fault, Pause):
        return (fault.node,)
    if isinstance(fault, LinkFault) and CLIENT in (fault.source, fault.target):
        return tuple(end for end in (fault.source, fault.target) if end != CLIENT)
    return ()
