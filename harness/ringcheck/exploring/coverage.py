"""What an exploration has seen to hold, and what it could have seen and never did."""

from collections.abc import Collection, Iterable

from ringcheck.exploring.tally import Tally
from ringcheck.exploring.trial import SOURCE
from ringcheck.judging.occurrences import COUNTED
from ringcheck.judging.verdict import Verdict
from ringcheck.requirements import Requirement, all_requirements

JUDGED = frozenset(
    {
        *("KV-01", "KV-02", "KV-13", "KV-14"),
        *("SIB-01", "SIB-02", "SIB-03", "SIB-04", "DUR-01", "DUR-02", "DUR-03", "DUR-04"),
        *("AVL-01", "AVL-02", "AVL-03", "AVL-05", "HND-01", "HND-02", "HND-03"),
        *("AE-01", "AE-02", "AE-03", "AE-04", "AE-05", "RR-01", "RNG-01", "RNG-02"),
    }
)
"""What the judges can see to hold in any history; the rest takes scripted expectations, or another world."""

INSIDE = frozenset({*COUNTED, "hints seen pending", "convergences"})
"""Events that show only in nodes that can be looked into."""
OUTSIDE = frozenset({"convergences, as far as reads can show"})
"""Events of the others."""


SCRIPTED = frozenset(f"KV-{number:02}" for number in range(3, 13))
"""What only schedules that expect certain answers can show, and the usual source draws none."""
LIVE = frozenset({"PEER-01"})
"""What takes real processes."""


def moot(only: Iterable[str], profiles: Collection[str], source: str = SOURCE) -> dict[str, str]:
    """Why requirements that a user asks about cannot be judged by exploring a core that declares these profiles."""
    reasons = {}
    for name in only:
        profile = all_requirements()[name].profile
        if profiles and profile not in profiles:
            reasons[name] = f"{name} is about the profile {profile}, which the core does not declare"
        elif name in LIVE:
            reasons[name] = f"{name} takes real nodes, see `ringcheck run`"
        elif name in SCRIPTED and source == SOURCE:
            reasons[name] = f"{name} takes schedules that expect certain answers, see `ringcheck run --core`"
    return reasons


def verdicts(tally: Tally, only: tuple[str, ...] = (), source: str = SOURCE) -> tuple[Verdict, ...]:
    """One verdict for each requirement that a simulation can judge, in the order of the contract."""
    reasons = moot(only, tally.profiles, source)
    return tuple(_verdict(each, tally, reasons.get(each.id, "")) for each in _judged(tally, only))


def never_held(tally: Tally, only: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The requirements that might have been seen to hold, and neither held nor were broken."""
    return tuple(each.requirement for each in verdicts(tally, only) if each.status == "inconclusive")


def events(tally: Tally) -> dict[str, int]:
    """How often each event was seen, without those that nodes of this kind cannot show."""
    moot = OUTSIDE if "inspect" in tally.profiles else INSIDE
    return {name: count for name, count in sorted(tally.events.items()) if name not in moot}


def never_seen(tally: Tally) -> tuple[str, ...]:
    """The events that no seed has brought about."""
    return tuple(name for name, count in events(tally).items() if not count)


def _judged(tally: Tally, only: tuple[str, ...]) -> Iterable[Requirement]:
    heard_of = JUDGED | tally.held.keys() | tally.broken.keys()
    for each in all_requirements().values():
        declared = not tally.profiles or each.profile in tally.profiles
        if each.id in only or (not only and declared and each.id in heard_of):
            yield each


def _verdict(requirement: Requirement, tally: Tally, moot_since: str) -> Verdict:
    name = requirement.id
    held = tally.held.get(name, 0)
    if tally.broken.get(name):
        return Verdict(requirement=name, status="fail", held=held)
    if held:
        return Verdict(requirement=name, status="pass", held=held)
    if moot_since:
        return Verdict(requirement=name, status="skipped", reasons=(moot_since,))
    return Verdict(requirement=name, status="inconclusive")
