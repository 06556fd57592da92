"""Story: writes a schedule step by step, giving ids and values, so that an example reads like prose."""

import hashlib
from collections.abc import Sequence
from typing import Literal

from ringcheck.schedule import (
    Await,
    Backup,
    Configuration,
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
    Size,
    Step,
    Wipe,
)
from ringcheck_chaos.faults import Fault

TRUSTED = 1.5
"""Detection deadlines to wait until every node knows who is there: the time owed, and half as much for the machine."""


def namespace_of(origin: bytes) -> str:
    """A short prefix for keys that follows from `origin`, so that another origin has other keys."""
    return hashlib.sha256(origin).hexdigest()[:6]


class Story:
    """A schedule in the making.

    `nodes` are the cluster's, turned round by the seed, so that another seed breaks other nodes. Operations and
    faults return their ids. An operation goes `through` the node named, else in turn through each of those that are
    members from the beginning to the end.
    """

    def __init__(
        self, name: str, configuration: Configuration, *, requirements: tuple[str, ...] = (), seed: int = 0
    ) -> None:
        self.name = name
        self.configuration = configuration
        self.requirements = requirements
        self.seed = seed
        self.namespace = namespace_of(f"{name}/{seed}".encode())
        turn = seed % configuration.nodes
        self.nodes = configuration.node_ids[turn:] + configuration.node_ids[:turn]
        self._stayers = self.nodes
        self._joiners = 0
        self._steps: list[Step] = []
        self._operations = 0
        self._faults = 0
        self._disturbances = 0
        self._values: dict[int, str] = {}

    @property
    def steps(self) -> tuple[Step, ...]:
        """What has been told so far."""
        return tuple(self._steps)

    @property
    def node(self) -> str:
        """The first node, in stories that need but one."""
        return self.nodes[0]

    def others(self, *absent: str) -> tuple[str, ...]:
        """Every node but these."""
        return tuple(node for node in self.nodes if node not in absent)

    def newcomer(self) -> str:
        """The id of one more node, which is no member yet."""
        self._joiners += 1
        return f"n{self.configuration.nodes + self._joiners}"

    def schedule(self, namespace: str = "") -> Schedule:
        """What has been told, as data; its namespace follows from name and seed, unless one is given."""
        return Schedule(
            name=self.name,
            namespace=namespace or self.namespace,
            configuration=self.configuration,
            requirements=self.requirements,
            seed=self.seed,
            steps=self.steps,
        )

    def get(
        self, key: str, *, through: str = "", client: int = 0, r: int = 0, key_size: Size = 0, wait: bool = True
    ) -> int:
        """Read `key`; returns the operation's id."""
        number, node = self._operation(through)
        return self._append(
            number, Get(id=number, client=client, node=node, key=key, key_size=key_size, r=r, wait=wait)
        )

    def put(
        self,
        key: str,
        value: str | None = None,
        *,
        context: int | Literal["malformed"] | None = None,
        through: str = "",
        client: int = 0,
        w: int = 0,
        key_size: Size = 0,
        value_size: Size = 0,
        wait: bool = True,
        as_peer: str = "",
    ) -> int:
        """Write `value`, by default one that no other operation writes; returns the operation's id."""
        number, node = self._operation(through)
        self._values[number] = f"v{number}" if value is None else value
        return self._append(
            number,
            Put(
                id=number,
                client=client,
                node=node,
                key=key,
                key_size=key_size,
                value=self._values[number],
                value_size=value_size,
                context=context,
                w=w,
                wait=wait,
                as_peer=as_peer,
            ),
        )

    def delete(
        self,
        key: str,
        *,
        context: int | Literal["malformed"] | None,
        through: str = "",
        client: int = 0,
        w: int = 0,
        wait: bool = True,
    ) -> int:
        """Delete what the context covers; returns the operation's id."""
        number, node = self._operation(through)
        return self._append(
            number, Delete(id=number, client=client, node=node, key=key, context=context, w=w, wait=wait)
        )

    def wait(self) -> None:
        """Wait for every open operation."""
        self._steps.append(Await())

    def inject(self, fault: Fault) -> int:
        """Begin a fault; returns its id."""
        self._faults += 1
        return self._append(self._faults, Inject(id=self._faults, fault=fault))

    def heal(self, *faults: int) -> None:
        """End these faults."""
        self._steps.extend(Heal(id=fault) for fault in faults)

    def kill(self, *nodes: str) -> None:
        """SIGKILL these nodes at once."""
        self._steps.append(Kill(nodes))

    def restart(self, *nodes: str) -> None:
        """Start these nodes again."""
        self._steps.append(Restart(nodes))

    def crash_after(self, node: str, effects: int) -> None:
        """Let a node die once it has carried out so many more effects."""
        self._steps.append(CrashAfter(node=node, effects=effects))

    def wipe(self, *nodes: str) -> None:
        """Kill these nodes and take their disks away."""
        self._steps.append(Wipe(nodes))

    def back_up(self, *nodes: str) -> None:
        """Copy the disks of these nodes."""
        self._steps.append(Backup(nodes))

    def roll_back(self, *nodes: str) -> None:
        """Kill these nodes and put the copies of their disks in place."""
        self._steps.append(RollBack(nodes))

    def join(self, node: str, *, through: str = "", weight: int = 1, host: str = "", wait: bool = True) -> None:
        """A node is started and joins."""
        self._steps.append(Join(node=node, weight=weight, host=host, through=through, wait=wait))

    def leave(self, node: str, *, through: str = "", wait: bool = True) -> None:
        """A node begins to leave; it runs on until it is retired."""
        self._part(node)
        self._steps.append(Leave(node=node, through=through, wait=wait))

    def remove(self, node: str, *, through: str = "", wait: bool = True) -> None:
        """A node, which should be down, is taken away for good."""
        self._part(node)
        self._steps.append(Remove(node=node, through=through, wait=wait))

    def retire(self, *nodes: str) -> None:
        """Leavers are stopped for good, once they are drained."""
        self._steps.append(Retire(nodes))

    def disturb(self, node: str, *, source: str) -> None:
        """Talk nonsense to a node in the place of a member, another time another nonsense."""
        self._disturbances += 1
        seed = int(namespace_of(f"{self.namespace}/{self._disturbances}".encode()), 16)
        self._steps.append(Disturb(node=node, source=source, seed=seed))

    def lapse(self, seconds: float) -> None:
        """Let so much time pass, whatever the target declares."""
        self._steps.append(Elapse(seconds=seconds))

    def pause(self, detections: float = TRUSTED) -> None:
        """Let so many detection deadlines pass; by default enough for all to know who is there."""
        self._steps.append(Elapse(detections=detections))

    def observe(
        self, until: Literal["now", "hint", "differ", "equal", "copy"] = "now", *, key: str = "", node: str = ""
    ) -> None:
        """Look into every running node until a condition holds."""
        self._steps.append(Observe(until=until, key=key, node=node))

    def settle(self) -> None:
        """Heal everything, wait for convergence, read every key at every node."""
        self._steps.append(Settle())

    def expect(
        self, requirement: str, operation: int, code: str = "OK", *, values: Sequence[int] | None = None
    ) -> None:
        """`operation` must have ended with `code`; a Get, where `values` are given, with just what these puts wrote."""
        texts = None if values is None else tuple(self._values[put] for put in values)
        self._steps.append(ExpectAnswer(requirement=requirement, operation=operation, code=code, values=texts))

    def expect_settled(self, requirement: str, key: str, *puts: int) -> None:
        """In the last settle, `key` must have held just what these puts wrote."""
        self._steps.append(
            ExpectSettled(requirement=requirement, key=key, values=tuple(self._values[put] for put in puts))
        )

    def _operation(self, through: str) -> tuple[int, str]:
        self._operations += 1
        return self._operations, through or self._stayers[self._operations % len(self._stayers)]

    def _part(self, node: str) -> None:
        """Nothing goes through a node by turns any more that is not to stay."""
        self._stayers = tuple(each for each in self._stayers if each != node) or self._stayers

    def _append(self, number: int, step: Step) -> int:
        self._steps.append(step)
        return number
