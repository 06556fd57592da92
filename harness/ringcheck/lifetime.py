"""How old a copy of a disk may be that is put back: what a target declares as `tombstone_lifetime`.

A target may reap a tombstone once no disk that still holds what it superseded can come back. Whoever brought back an
older one would find deleted versions alive again, and blame the target for it.
"""

from collections.abc import Iterable

from ringcheck.history import Description


def lifetime_s(descriptions: Iterable[Description]) -> float:
    """The shortest lifetime that any node declares, in seconds; infinite if all keep their tombstones for ever."""
    lifetimes = [each.tombstone_lifetime_ms / 1000 for each in descriptions if each.tombstone_lifetime_ms]
    return min(lifetimes, default=float("inf"))


def left_out(node: str, age_s: float, lifetime: float) -> str:
    """Why a roll-back is left out, for a history."""
    reason = f"the copy of it is {age_s:.1f} s old, and tombstones may be reaped after {lifetime:g} s"
    return f"{node} keeps its disk: {reason}."
