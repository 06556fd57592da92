"""A schedule without some of its steps: what shrinking tries, again and again."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from ringcheck.schedule import (
    Await,
    CrashAfter,
    Delete,
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
    Step,
    Wipe,
)

EXPECTATIONS = ExpectAnswer | ExpectSettled


def thinned(schedule: Schedule, dropped: Collection[int]) -> Schedule:
    """The schedule without the steps at these places, and without what makes no sense any more without them.

    What is left ends as the whole does: with a Settle, or, where a cluster does not promise to come to rest in time,
    with every fault healed and every node up. Expectations go with the first step: they were written for all.
    """
    if not dropped:
        return schedule
    kept = [step for place, step in enumerate(schedule.steps) if place not in dropped]
    mending = _Mending(schedule.configuration.w)
    steps = [*mending.mend(step for step in kept if not isinstance(step, EXPECTATIONS))]
    if not _ends_settled(schedule.steps):
        steps += mending.amends()
    elif not _ends_settled(steps):
        steps.append(Settle())
    return msgspec.structs.replace(schedule, steps=tuple(steps))


def _ends_settled(steps: Sequence[Step]) -> bool:
    carried_out = [step for step in steps if not isinstance(step, EXPECTATIONS)]
    return bool(carried_out) and isinstance(carried_out[-1], Settle)


@dataclass
class _Mending:
    """What the steps so far hold."""

    w: int
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
                yield mended

    def amends(self) -> Iterator[Step]:
        """What ends every fault that is about, and brings every node back."""
        yield from (Heal(id=number) for number in self.active)
        if self.down:
            yield Restart(tuple(self.down))

    def _mended(self, step: Step) -> Step | None:
        if isinstance(step, Get | Put | Delete):
            self.keys.add(step.key)
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
        return step
