"""A schedule without some of its steps: what shrinking tries, again and again."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import msgspec

from ringcheck.schedule import (
    Await,
    Delete,
    ExpectAnswer,
    ExpectSettled,
    Get,
    Heal,
    Inject,
    Put,
    Schedule,
    Settle,
    Step,
)


def thinned(schedule: Schedule, dropped: Collection[int]) -> Schedule:
    """The schedule without the steps at these places, and without what makes no sense any more without them.

    It ends with a Settle all the same. Expectations go with the first step that is left out: they were written for all.
    """
    kept = [step for place, step in enumerate(schedule.steps) if place not in dropped]
    if len(kept) < len(schedule.steps):
        kept = [step for step in kept if not isinstance(step, ExpectAnswer | ExpectSettled)]
    steps = tuple(_Mending().mend(kept))
    if not steps or not isinstance(steps[-1], Settle | ExpectAnswer | ExpectSettled):
        steps = (*steps, Settle())
    return msgspec.structs.replace(schedule, steps=steps)


@dataclass
class _Mending:
    """What the steps so far hold."""

    operations: set[int] = field(default_factory=set)
    faults: set[int] = field(default_factory=set)
    last: Step | None = None

    def mend(self, steps: list[Step]) -> Iterator[Step]:
        """The steps that still make sense, with what they can no longer refer to taken out."""
        for step in steps:
            mended = self._mended(step)
            if mended is not None:
                self.last = mended
                yield mended

    def _mended(self, step: Step) -> Step | None:
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
            case Heal(id=number) if number not in self.faults:
                return None
            case Await() | Settle() if type(self.last) is type(step):
                return None
        return step
