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
    Elapse,
    ExpectAnswer,
    ExpectSettled,
    Get,
    Heal,
    Inject,
    Kill,
    Observe,
    Put,
    Restart,
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
    faults return their ids. An operation goes `through` the node named, else through each node in turn.
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
        self._steps: list[Step] = []
        self._operations = 0
        self._faults = 0
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
        """Begin a network fault; returns its id."""
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

    def pause(self, detections: float = TRUSTED) -> None:
        """Let so many detection deadlines pass; by default enough for all to know who is there."""
        self._steps.append(Elapse(detections=detections))

    def observe(
        self, until: Literal["now", "hint", "differ", "equal"] = "now", *, key: str = "", node: str = ""
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
        return self._operations, through or self.nodes[self._operations % len(self.nodes)]

    def _append(self, number: int, step: Step) -> int:
        self._steps.append(step)
        return number
