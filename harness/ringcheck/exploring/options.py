"""What a user asks of an exploration."""

import math
import os
import secrets
from pathlib import Path

import msgspec

from ringcheck.errors import UsageError
from ringcheck.exploring.audit import USUAL_SHARE
from ringcheck.exploring.seeds import Position
from ringcheck.exploring.trial import SOURCE
from ringcheck.requirements import UnknownRequirementError, select
from ringcheck.simulation.loading import REFERENCE, settled_name

USUAL_TIME_S = 60.0
"""How long seeds are tried when neither a time nor a number is given."""
ANYWHERE = 2**31
"""Below this the first seed is drawn."""


def usual_workers() -> int:
    """One for each core: a trial computes and never waits."""
    return len(os.sched_getaffinity(0))


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked; `seeds` and `time_s` None are no limit, `only` empty is everything.

    seed        try this one alone, and tell all of it
    first       where to begin; None: anywhere
    keep_going  go on after a failure
    workers     processes; 0: everything in this one
    audit       the share of seeds that is tried twice
    """

    core: str = REFERENCE
    source: str = SOURCE
    seed: int | None = None
    first: int | None = None
    seeds: int | None = None
    time_s: float | None = None
    only: tuple[str, ...] = ()
    keep_going: bool = False
    resume: bool = False
    workers: int = msgspec.field(default_factory=usual_workers)
    out: Path = Path("ringcheck-results")
    shrink: bool = True
    audit: float = USUAL_SHARE


def settled(options: Options) -> Options:
    """The options with what follows from them. Raises UsageError for what cannot be asked for together."""
    if options.resume and (options.first is not None or options.seed is not None):
        raise UsageError("An exploration that is resumed knows its seeds; give --resume without --first and --seed.")
    if options.seed is not None and (options.first is not None or options.seeds is not None):
        raise UsageError("--seed tries that one seed; give it without --first and --seeds.")
    if math.isnan(options.audit) or math.isnan(options.time_s or 0.0):
        raise UsageError("--time and --audit take numbers, and nan is none; leave them out for the usual ones.")
    try:
        only = tuple(each.id for each in select(options.only))
    except UnknownRequirementError as error:
        raise UsageError(str(error)) from None
    endless = options.time_s is None and options.seeds is None
    return msgspec.structs.replace(
        options,
        core=settled_name(options.core),
        source=settled_name(options.source),
        only=only,
        seeds=1 if options.seed is not None else options.seeds,
        time_s=USUAL_TIME_S if endless else options.time_s,
    )


def beginning(options: Options) -> Position:
    """Where to begin: at the seed that was named, or anywhere."""
    first = options.seed if options.seed is not None else options.first
    if first is None:
        first = secrets.randbelow(ANYWHERE)
    return Position(first=first, following=first)
