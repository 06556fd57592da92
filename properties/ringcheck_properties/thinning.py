"""A schedule without some of its steps: what shrinking tries, again and again."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from ringcheck.schedule import (
    Await,
    Backup,
    Configuration,
    CrashAfter,
    Delete,
    Disturb,
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
from ringcheck_chaos.faults import CLIENT, Fault, Split, directions

OfNodes: TypeAlias = Kill | Restart | Wipe | Backup | RollBack | Retire

EXPECTATIONS = ExpectAnswer | ExpectSettled
NONE: Mapping[int, Step] = MappingProxyType({})


def thinned(
    schedule: Schedule,
    dropped: Collection[int],
    *,
    plainer: Mapping[int, Step] = NONE,
    configuration: Configuration | None = None,
) -> Schedule:
    """The schedule without the steps at these places, and without what makes no sense any more without them.

    `plainer` are steps to put in the place of others, `configuration` is another cluster of fewer or as many nodes.
    What is left ends as the whole does: with a Settle, or, where a cluster does not promise to come to rest in time,
    with every fault healed and every node up. Expectations were written for all: one is left only where nothing
    else has changed than what is done with other keys.
    """
    configuration = configuration or schedule.configuration
    if not (dropped or plainer) and configuration == schedule.configuration:
        return schedule
    unmet = _unmet(schedule, {*dropped, *plainer}) if configuration == schedule.configuration else None
    kept = [
        plainer.get(place, step)
        for place, step in enumerate(schedule.steps)
        if place not in dropped and not (isinstance(step, EXPECTATIONS) and (unmet is None or place in unmet))
    ]
    joiners = {step.node for step in kept if isinstance(step, Join)}
    mending = _Mending(configuration.w, {*configuration.node_ids, *joiners})
    steps = [*mending.mend(kept)]
    if not _ends_settled(schedule.steps):
        steps += mending.amends()
    elif not _ends_settled(steps):
        steps.append(Settle())
    return msgspec.structs.replace(schedule, configuration=configuration, steps=tuple(steps))


def _unmet(schedule: Schedule, changed: Collection[int]) -> set[int] | None:
    """The places of expectations that need not be met when steps at these places are gone or others; None for all."""
    steps = [schedule.steps[place] for place in changed]
    if not all(isinstance(step, Get | Put | Delete | EXPECTATIONS) for step in steps):
        return None
    operations = {step.id: step for step in steps if isinstance(step, Get | Put | Delete)}
    contexts = {each.id: each.context for each in schedule.operations() if isinstance(each, Put | Delete)}
    keys = {each.key for each in schedule.operations() if each.id in operations or contexts.get(each.id) in operations}
    of_keys = {each.id for each in schedule.operations() if each.key in keys}
    return {
        place
        for place, step in enumerate(schedule.steps)
        if (isinstance(step, ExpectSettled) and step.key in keys)
        or (isinstance(step, ExpectAnswer) and step.operation in of_keys)
    }


def _ends_settled(steps: Sequence[Step]) -> bool:
    carried_out = [step for step in steps if not isinstance(step, EXPECTATIONS)]
    return bool(carried_out) and isinstance(carried_out[-1], Settle)


@dataclass
class _Mending:
    """What the steps so far hold."""

    w: int
    there: set[str]
    """The nodes that are started sooner or later."""
    leaving: set[str] = field(default_factory=set)
    operations: set[int] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    faults: set[int] = field(default_factory=set)
    active: dict[int, None] = field(default_factory=dict)
    down: dict[str, None] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    """The nodes that have lost their disks since the last settle."""
    last: Step | None = None

    def mend(self, steps: Iterable[Step]) -> Iterator[Step]:
        """The steps that still make sense, with what they can no longer refer to taken out."""
        for step in steps:
            mended = self._mended(step)
            if mended is not None:
                self.last = mended
                if isinstance(mended, Get | Put | Delete):
                    self.keys.add(mended.key)
                yield mended

    def amends(self) -> Iterator[Step]:
        """What ends every fault that is about, and brings every node back."""
        yield from (Heal(id=number) for number in self.active)
        if self.down:
            yield Restart(tuple(self.down))

    def _mended(self, step: Step) -> Step | None:
        present = self._by_those_present(step)
        return None if present is None else self._mended_itself(present)

    def _by_those_present(self, step: Step) -> Step | None:
        """The step without the nodes that never joined."""
        match step:
            case Join(through=through) if through and through not in self.there:
                return msgspec.structs.replace(step, through="")
            case Leave(through=through) | Remove(through=through) if through and through not in self.there:
                return self._by_those_present(msgspec.structs.replace(step, through=""))
            case Get(node=node) | Put(node=node) | Delete(node=node) | CrashAfter(node=node) | Remove(node=node):
                return step if node in self.there else None
            case Leave(node=node):
                if node not in self.there:
                    return None
                self.leaving.add(node)
            case Retire(nodes=nodes):
                return _among(step, [node for node in nodes if node in self.leaving])
            case Kill() | Restart() | Wipe() | Backup() | RollBack():
                return _among(step, [node for node in step.nodes if node in self.there])
            case Disturb(node=node, source=source):
                return step if {node, source} <= self.there else None
            case Inject(fault=fault):
                left = _fault_among(fault, self.there)
                return None if left is None else msgspec.structs.replace(step, fault=left)
            case Observe(node=node) if node and node not in self.there:
                return None
        return step

    def _mended_itself(self, step: Step) -> Step | None:
        match step:
            case Get(id=number):
                self.operations.add(number)
            case Put(id=number, context=int(context)) if context not in self.operations:
                self.operations.add(number)
                return msgspec.structs.replace(step, context=None)
            case Put(id=number):
                self.operations.add(number)
            case Delete(context=int(context)) if context not in self.operations:
                return None
            case Disturb(source=source) if source not in self.down:
                return None
            case Inject(id=number):
                self.faults.add(number)
                self.active[number] = None
            case Heal(id=number) if number not in self.faults:
                return None
            case Heal(id=number):
                self.active.pop(number, None)
            case Kill(nodes=nodes):
                self.down |= dict.fromkeys(nodes)
            case CrashAfter(node=node):
                self.down[node] = None
            case Restart(nodes=nodes):
                self.down = {node: None for node in self.down if node not in nodes}
            case Observe(key=key) if key and key not in self.keys:
                return None
            case Await() | Settle() if type(self.last) is type(step):
                return None
            case Settle():
                self.lost.clear()
                self.active.clear()
                self.down.clear()
            case Wipe(nodes=nodes) | RollBack(nodes=nodes):
                # Where a settle between two losses went, the second one may be beyond what a store must bear.
                if len(self.lost | set(nodes)) >= self.w:
                    return None
                self.lost |= set(nodes)
                self.down |= dict.fromkeys(nodes)
            case Remove(node=node):
                if len(self.lost | {node}) >= self.w:
                    return None
                self.lost.add(node)
                self.down.pop(node, None)
        return step


def _among(step: OfNodes, nodes: Sequence[str]) -> Step | None:
    """The step for these of its nodes alone."""
    if not nodes:
        return None
    return step if len(nodes) == len(step.nodes) else msgspec.structs.replace(step, nodes=tuple(nodes))


def _fault_among(fault: Fault, there: Collection[str]) -> Fault | None:
    """The fault without nodes that never joined."""
    if isinstance(fault, Split):
        left, right = (tuple(node for node in side if node in there) for side in (fault.left, fault.right))
        return Split(how=fault.how, left=left, right=right) if left and right else None
    named = {end for way in directions(fault, there) for end in way} - {CLIENT}
    return fault if named and named <= set(there) else None
