"""What an exploration comes to, as an exit code."""

from ringcheck import outcome
from ringcheck.exploring.tally import Tally, is_grave
from ringcheck.exploring.trial import BROKE


def exit_code(
    tally: Tally,
    only: tuple[str, ...] = (),
    *,
    differs: bool = False,
    problems: bool = False,
    interrupted: bool = False,
) -> int:
    """A broken MUST outweighs a core that failed, or is not deterministic; both outweigh that nothing was verified.

    A broken SHOULD only warns.
    """
    if interrupted:
        return outcome.INTERRUPTED
    grave = {group.alarm.requirement for group in tally.groups.values() if is_grave(group.alarm)}
    if grave - {BROKE}:
        return outcome.BREACH
    if grave or differs or problems:
        return outcome.BROKE
    if not (tally.held.keys() & set(only) if only else tally.held):
        return outcome.INCONCLUSIVE
    return outcome.CONFORMS
