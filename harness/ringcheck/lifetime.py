"""How old a copy of a disk may be that is put back: what a target declares as `tombstone_lifetime`.

A target may reap a tombstone once no disk that still holds what it superseded can come back. Whoever brought back an
older one would find deleted versions alive again, and blame the target for it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from ringcheck.history import Description


def lifetime_s(descriptions: Iterable[Description]) -> float:
    """The shortest lifetime that any node declares, in seconds; infinite if all keep their tombstones for ever."""
    lifetimes = [each.tombstone_lifetime_ms / 1000 for each in descriptions if each.tombstone_lifetime_ms]
    return min(lifetimes, default=float("inf"))


class Copied(Protocol):
    """A disk of which there may be a copy, in any world."""

    @property
    def has_copy(self) -> bool:
        """Whether there is one."""

    @property
    def copy_age_s(self) -> float:
        """How old it is, in seconds."""

    def forget_copy(self) -> None:
        """It is not to come back."""


def forget_outlived(disks: Mapping[str, Copied], descriptions: Iterable[Description]) -> Iterator[tuple[str, str]]:
    """Forget the copies that tombstones have outlived; (node, why its roll-back is left out) of each, for a history."""
    lifetime = lifetime_s(descriptions)
    for node, disk in disks.items():
        if disk.has_copy and disk.copy_age_s > lifetime:
            age = f"the copy of it is {disk.copy_age_s:.1f} s old"
            disk.forget_copy()
            yield node, f"{node} keeps its disk: {age}, and tombstones may be reaped after {lifetime:g} s."
