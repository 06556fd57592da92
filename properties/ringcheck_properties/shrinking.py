"""The smallest schedule that still fails, found by Hypothesis, and kept in its example database.

Two things are kept there: each schedule that failed, whole, and by Hypothesis the choices that reduced it. So what was
kept is found again even when seeds have come to mean other schedules.
"""

import hashlib
from collections.abc import Callable
from unittest import SkipTest

import msgspec
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.database import ExampleDatabase

from ringcheck.schedule import Schedule
from ringcheck_properties.flaws import flaws
from ringcheck_properties.reduction import reductions

Fails = Callable[[Schedule], bool]
"""Carries a schedule out; whether it still fails in the way that matters."""

KEPT = b"ringcheck schedules"
"""Under this key the database has the schedules that failed, as they were drawn."""
TRIES_TO_BEGIN = 100
"""So often Hypothesis may draw until it has drawn a failing one, which is nearly always the second time."""

SHRINKING = settings(
    max_examples=TRIES_TO_BEGIN,
    deadline=None,
    derandomize=False,
    print_blob=False,
    report_multiple_bugs=False,
    verbosity=Verbosity.quiet,
    suppress_health_check=list(HealthCheck),
)


class StillFailsError(Exception):
    """A schedule fails in the way that is being shrunk; tells Hypothesis so."""


def reduce(whole: Schedule, fails: Fails, database: ExampleDatabase | None = None) -> Schedule:
    """The smallest schedule that Hypothesis finds to fail among the reductions of `whole`, or `whole` if none fails."""
    remembered = _Remembered(fails)
    if not remembered(whole):
        return whole
    if database is not None:
        database.save(KEPT, msgspec.json.encode(whole))
    phases = (Phase.generate, Phase.shrink)
    return _search(whole, remembered, settings(SHRINKING, phases=phases, database=database)) or whole


def replay_reduced(fails: Fails, database: ExampleDatabase) -> Schedule | None:
    """The first that still fails of what earlier reductions have left in this database."""
    chosen = settings(SHRINKING, phases=(Phase.reuse,), database=database)
    for kept in sorted(database.fetch(KEPT)):
        try:
            whole = msgspec.json.decode(kept, type=Schedule)
        except msgspec.DecodeError:
            database.delete(KEPT, kept)
            continue
        if found := _search(whole, _Remembered(fails), chosen):
            return found
        database.delete(KEPT, kept)
    return None


class _Remembered:
    """Carries each schedule out once: different choices often come to the same."""

    def __init__(self, fails: Fails) -> None:
        self._fails = fails
        self._ended: dict[Schedule, bool] = {}

    def __call__(self, schedule: Schedule) -> bool:
        if schedule not in self._ended:
            self._ended[schedule] = self._fails(schedule)
        return self._ended[schedule]


def _search(whole: Schedule, fails: Fails, chosen: settings) -> Schedule | None:
    failing: list[Schedule] = []
    borne = set(flaws(whole))

    def carry_out(schedule: Schedule) -> None:
        if set(flaws(schedule)) <= borne and fails(schedule):
            failing.append(schedule)
            raise StillFailsError

    # What Hypothesis keeps it keeps by name, and what one schedule was reduced by means nothing to another.
    carry_out.__name__ = f"reduce_{hashlib.sha256(msgspec.json.encode(whole)).hexdigest()[:16]}"
    try:
        # The settings after the seed, which takes the database away.
        chosen(seed(whole.seed)(given(reductions(whole))(carry_out)))()
    except StillFailsError:
        return failing[-1]
    except SkipTest:
        pass  # Hypothesis was to reuse what it had kept, and had kept nothing.
    return None
