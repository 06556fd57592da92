"""HND-01, HND-02, HND-03: hints that were seen pending, and what became of them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ringcheck.history import Observation
from ringcheck.judging import words
from ringcheck.judging.convergence import entry_state, owners_of
from ringcheck.judging.run import Run
from ringcheck.judging.settlements import Settlement
from ringcheck.judging.statements import Held, Statement, Unclear
from ringcheck.judging.verdict import Breach
from ringcheck.lifetime import lifetime_s


@dataclass(frozen=True, slots=True)
class Pending:
    """A hint: who holds it, for whom, of which key."""

    holder: str
    target: str
    key: str

    def __str__(self) -> str:
        return f"the hint at {self.holder} for {self.target} of {words.value(self.key)}"


def pending(seen: Observation) -> frozenset[Pending]:
    """The hints of the schedule's keys that an observation shows."""
    return frozenset(
        Pending(name, hint.target, hint.entry.key) for name, node in seen.nodes.items() for hint in node.hints
    )


def judge_handoff(run: Run) -> Iterator[Statement]:
    """Every hint that was seen."""
    seen = run.observations
    for number, first in enumerate(seen):
        for later in seen[number + 1 :]:
            if later.why not in ("observe", "diverged"):
                break
            yield from _survived(run, first, later)
    begin = 0.0
    for settlement in run.settlements:
        hints = {hint for each in seen if begin <= each.time <= settlement.began for hint in pending(each)}
        certain = (hint for hint in hints if _is_kept(run, hint, begin, settlement.ended))
        owed = [hint for hint in sorted(certain, key=str) if not _moved(settlement, hint)]
        yield from _delivered(run, settlement, owed)
        begin = settlement.ended


def _survived(run: Run, first: Observation, later: Observation) -> Iterator[Statement]:
    """HND-02: the target was down all the time, and the holder was killed and is back."""
    kept = pending(later)
    since = max((each.ended for each in run.settlements if each.ended <= first.began), default=0.0)
    for hint in sorted(pending(first), key=str):
        killed = any(
            each.node == hint.holder and each.may_begin >= first.time and each.ended <= later.began
            for each in run.timeline.touching(first.time, later.began)
        )
        if not killed or not run.timeline.surely_down(hint.target, first.began, later.time):
            continue
        if run.views.unsettled(first.began, later.time):
            # The target may be no owner any more, and others have what the hint was kept for.
            continue
        if not run.timeline.sound_disk(hint.holder, since, later.time):
            continue
        if hint in kept:
            yield Held("HND-02")
        else:
            yield Breach(
                requirement="HND-02",
                expected=f"{hint.holder} held a hint for {hint.target} of {words.value(hint.key)} at "
                f"{words.at(first.time)}; {hint.target} has been down ever since, so the hint is still there.",
                actual=f"After a crash of {hint.holder} it was gone at {words.at(later.time)}.",
                key=hint.key,
                nodes=(hint.holder, hint.target),
                time=later.time,
            )


def _is_kept(run: Run, hint: Pending, start: float, stop: float) -> bool:
    """Whether no disk took along the hint, or what was handed off; that of a node that was removed is lost too."""
    lost = {hint.holder, hint.target} & set(run.disks.destroyed(start, stop))
    return not lost and run.timeline.sound_disk(hint.holder, start, stop)


def _moved(settlement: Settlement, hint: Pending) -> bool:
    """Whether the target is known to own nothing of the key any more."""
    last = settlement.seen.get("held")
    owners = owners_of(last, last.partitions.get(hint.key, -1)) if last is not None else ()
    return bool(owners) and hint.target not in owners


def _delivered(run: Run, settlement: Settlement, hints: Sequence[Pending]) -> Iterator[Statement]:
    """HND-01 and HND-03: everything is up again, so every hint arrives."""
    last = settlement.seen.get("held" if settlement.by_inspection else "diverged")
    if last is None or "inspect" not in run.profiles:
        return
    left = sum(node.counters.hints_pending for node in last.nodes.values() if node.counters is not None)
    if left or pending(last):
        where = [
            name for name, node in last.nodes.items() if node.hints or (node.counters and node.counters.hints_pending)
        ]
        yield Breach(
            requirement="HND-01",
            expected="Every target of a hint has been up for the convergence deadline, so no hint is pending.",
            actual=f"At {words.at(last.time)} {words.times(left or len(pending(last)), 'hint')} stayed at "
            f"{words.nodes(where)}.",
            nodes=tuple(where),
            time=last.time,
        )
        return
    if not settlement.by_inspection:
        yield from (Unclear(each, "the cluster did not converge") for each in ("HND-01", "HND-03") if hints)
        return
    yield Held("HND-01", len(hints))
    yield from (_arrived(run, last, hint) for hint in hints)


def _arrived(run: Run, last: Observation, hint: Pending) -> Statement:
    """HND-03: what the target's own replica holds, compared with the other owners'."""
    own = entry_state(last, hint.target, hint.key) if hint.target in last.nodes else None
    others = [owner for owner in owners_of(last, last.partitions.get(hint.key, -1)) if owner != hint.target]
    states = {entry_state(last, owner, hint.key) for owner in others}
    if own is not None and states <= {own}:
        return Held("HND-03")
    if own is None and states <= {None} and lifetime_s(run.descriptions.values()) < math.inf:
        return Unclear("HND-03", "what was handed off had been deleted, and may have been reaped since")
    what = "nothing of it" if own is None else "another state than the other owners"
    return Breach(
        requirement="HND-03",
        expected=f"T{str(hint)[1:]} was handed off, so {hint.target} serves the versions from its own replica.",
        actual=f"At {words.at(last.time)} the replica of {hint.target} holds {what}.",
        key=hint.key,
        nodes=(hint.target,),
        time=last.time,
    )
