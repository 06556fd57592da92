"""What an exploration says of itself while it runs: typed events, for a terminal, a log, or anybody's listener."""

from typing import TypeAlias

import msgspec

from ringcheck.exploring.tally import Tally
from ringcheck.exploring.trial import Alarm
from ringcheck.schedule import Schedule


class Began(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="began"):
    """The exploration begins at seed `first`. `resumed`: how many seeds an earlier one has tried."""

    ringcheck: str
    core: str
    source: str
    folder: str
    first: int
    seeds: int | None
    time_s: float | None
    workers: int
    only: tuple[str, ...] = ()
    resumed: int | None = None
    single: bool = False


class SavedTried(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="saved-tried"):
    """The saved examples of this core were carried out, so many, until one failed; `alarm` None: none did."""

    schedules: int
    alarm: Alarm | None = None


class Drawn(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="drawn"):
    """The schedule of a single seed, before it is carried out."""

    seed: int
    schedule: Schedule
    history: str


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="failed"):
    """A seed fails by a cause that is new. `history` is its file, empty where there is none."""

    seed: int
    alarm: Alarm
    history: str


class Differed(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="differed"):
    """A seed has two histories, which are different from this line on: something is not deterministic."""

    seed: int
    line: int
    histories: tuple[str, str]


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="progress"):
    """How far it is; and the seed that has been under way longest with its seconds of real time, if that is known."""

    tally: Tally
    longest: tuple[int, float] | None = None


class ShrinkProgress(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="shrink-progress"):
    """A failure is being shrunk: so many tries, and the steps of the smallest schedule so far."""

    alarm: Alarm
    tries: int
    steps: int


class Finding(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="finding"):
    """A failure with all that is known of it.

    seed       None for one that an earlier exploration saved
    schedule   the smallest that fails alike; `history` is its file, empty where there is none
    original   the history of the seed's own schedule, of `steps` steps; empty where that is the same
    why_not    why the schedule is not the smallest that can be found; empty if it is
    also       what else the schedule breaks
    """

    seed: int | None
    alarm: Alarm
    schedule: Schedule | None = None
    history: str = ""
    original: str = ""
    steps: int = 0
    tries: int = 0
    why_not: str = ""
    also: tuple[str, ...] = ()


class Outcome(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="ended"):
    """What a whole exploration comes to; of one that was resumed, with all that came before.

    findings      failures told in this session; `tally.groups` has all of them, by cause
    differences   seeds with two histories
    problems      what broke that is no failure of a seed, one sentence each
    following     where to begin to leave nothing out: the first seed that was not tried
    seconds       of this session
    """

    tally: Tally
    findings: tuple[Finding, ...] = ()
    differences: tuple[Differed, ...] = ()
    problems: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    following: int = 0
    seconds: float = 0.0
    exit_code: int = 0


News: TypeAlias = Began | SavedTried | Drawn | Failed | Differed | Progress | ShrinkProgress | Finding | Outcome
