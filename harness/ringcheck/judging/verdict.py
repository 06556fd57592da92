"""What judges say: breaches and findings about one history, verdicts about a run of many.

One requirement is judged by several histories. Any breach makes it fail; else something that was seen and held
makes it pass; else it is inconclusive, with the reason. Nothing verified is never a pass.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

Status = Literal["pass", "fail", "inconclusive", "skipped"]


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which a history breaks a requirement.

    `expected` and `actual` are a sentence each; `operations` are the few that matter, in order.
    """

    requirement: str
    expected: str
    actual: str
    key: str | None = None
    operations: tuple[int, ...] = ()
    nodes: tuple[str, ...] = ()
    time: float = 0.0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one history says of one requirement.

    `held` counts how often its interesting event was seen and all was well; `unclear` says why an event that might
    have counted did not; `remarks` what a reader should know of how it was seen.
    """

    requirement: str
    held: int = 0
    breaches: tuple[Breach, ...] = ()
    unclear: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """All that one history says.

    `events`: how often each interesting thing happened, by name in plain words ("siblings seen", "hints delivered").
    `invalid`: why the history proves nothing (a fault that did not bite); breaches of it do not count either.
    `broke`: why the run stopped early; what was found before stands.
    """

    schedule: str
    profiles: tuple[str, ...]
    findings: dict[str, Finding]
    events: dict[str, int] = {}
    invalid: str = ""
    broke: str = ""


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """A breach and the history file that shows it."""

    breach: Breach
    history: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole run says of one requirement; `reasons` explain inconclusive and skipped, `remarks` the others."""

    requirement: str
    status: Status
    held: int = 0
    charges: tuple[Charge, ...] = ()
    reasons: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def combine(requirement: str, profile: str, judgements: Iterable[tuple[str, Judgement]]) -> Verdict:
    """One verdict from all judgements of a run; each comes with the path of its history.

    Skipped when no node of the target declares `profile`. Otherwise any breach makes it fail, else anything that
    held makes it pass, else it is inconclusive. What an invalid history says counts for nothing.
    """
    everything = list(judgements)
    declared = {name for _, judgement in everything for name in judgement.profiles}
    if declared and profile not in declared:
        return Verdict(requirement=requirement, status="skipped", reasons=(f"the target does not declare {profile}",))
    charges: list[Charge] = []
    reasons: list[str] = []
    remarks: list[str] = []
    held = 0
    for path, judgement in everything:
        finding = judgement.findings.get(requirement)
        if judgement.invalid:
            reasons.append(f"{judgement.schedule} proves nothing: {judgement.invalid}")
        elif finding is not None:
            held += finding.held
            charges += [Charge(breach=breach, history=path) for breach in finding.breaches]
            reasons += finding.unclear
            remarks += finding.remarks
        if judgement.broke:
            reasons.append(f"{judgement.schedule} stopped early: {judgement.broke}")
    status: Status = "fail" if charges else "pass" if held else "inconclusive"
    if status == "inconclusive" and not reasons:
        reasons.append("what it speaks of never happened" if everything else "no schedule was carried out")
    return Verdict(
        requirement=requirement,
        status=status,
        held=held,
        charges=tuple(charges),
        reasons=tuple(dict.fromkeys(reasons)) if status == "inconclusive" else (),
        remarks=tuple(dict.fromkeys(remarks)) if status != "inconclusive" else (),
    )


def tally(judgements: Iterable[Judgement]) -> Mapping[str, int]:
    """The sum of all events of a run."""
    total: Counter[str] = Counter()
    for judgement in judgements:
        total.update(judgement.events)
    return total
