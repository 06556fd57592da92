"""What a judge says while it looks through a history; `judge` gathers it into findings."""

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from ringcheck.judging.verdict import Breach, Finding


class Held(msgspec.Struct, frozen=True):
    """The interesting event of a requirement was seen `times` times, and all was well."""

    requirement: str
    times: int = 1


class Unclear(msgspec.Struct, frozen=True):
    """Something that might have counted did not, for this reason."""

    requirement: str
    reason: str


Statement: TypeAlias = Held | Unclear | Breach


def gather(statements: Iterable[Statement]) -> dict[str, Finding]:
    """The findings, by requirement. The same reason, or the same breach, counts once."""
    held: dict[str, int] = {}
    breaches: dict[str, dict[Breach, None]] = {}
    unclear: dict[str, dict[str, None]] = {}
    for statement in statements:
        match statement:
            case Held(requirement, times) if times:
                held[requirement] = held.get(requirement, 0) + times
            case Unclear(requirement, reason):
                unclear.setdefault(requirement, {})[reason] = None
            case Breach(requirement=requirement):
                breaches.setdefault(requirement, {})[statement] = None
    return {
        name: Finding(
            requirement=name,
            held=held.get(name, 0),
            breaches=tuple(breaches.get(name, ())),
            unclear=tuple(unclear.get(name, ())),
        )
        for name in sorted(held.keys() | breaches.keys() | unclear.keys())
    }
