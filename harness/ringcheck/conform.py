"""What the fixture `conform` does: carry a schedule out, judge its history, and tell pytest what came of it."""

import contextlib
import re
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import msgspec
import pytest

from ringcheck import history as happened
from ringcheck.errors import RingcheckError, TargetError
from ringcheck.events import EventLog, Progress, ScheduleBegan, ScheduleEnded, TargetBroke, now
from ringcheck.judging import explain, judge
from ringcheck.judging.mixing import MIXED
from ringcheck.judging.verdict import Breach, Judgement
from ringcheck.plugin import GIVEN_UP
from ringcheck.reports.stories import commands
from ringcheck.requirements import all_requirements
from ringcheck.schedule import Schedule
from ringcheck.simulation.captivity import captivity
from ringcheck.simulation.loading import REFERENCE
from ringcheck.target import Target
from ringcheck.worlds import World
from ringcheck_chaos.faults import describe

PATIENCE = 3
"""So many schedules in a row may break the target before the rest is given up."""

STORIES = 3
"""How many breaches of one schedule are told at length; more of them seldom say more."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the user chose. `command` None is the reference; `only` empty is everything; a `core` is simulated."""

    command: tuple[str, ...] | None = None
    core: str | None = None
    nodes: int = 5
    seed: int = 0
    schedules: int = 8
    only: tuple[str, ...] = ()
    out: Path = Path("ringcheck-results")
    toxiproxy: str | None = None
    directory: Path = Path()


Opener = Callable[[Settings, Callable[[happened.Event], None]], World]


class Conform:
    """One worker's way to try schedules on the target. Its world opens with the first of them."""

    def __init__(self, settings: Settings, worker: str, log: EventLog | None, opener: Opener | None = None) -> None:
        self.settings = settings
        self._worker = worker
        self._log = log
        self._open = opener or (open_simulated if settings.core else open_live)
        self._world: World | None = None
        self._item: pytest.Item | None = None
        self._profiles: tuple[str, ...] = ()
        """What the target declares, once that is known."""
        self._ended = 0
        self._broken_in_a_row = 0
        self._given_up: tuple[str, int] | None = None

    @property
    def _test(self) -> str:
        return self._item.nodeid if self._item else ""

    def begin_test(self, item: pytest.Item) -> None:
        """What comes next is done for this test."""
        self._item = item

    def __call__(self, schedule: Schedule) -> Judgement:
        """Carry `schedule` out and judge it.

        Fails the test when a MUST is broken; xfails it when only a SHOULD is. Skips it when one of the requirements
        that the schedule was written for (a random one has none) is not declared, or could not be verified.
        """
        if self._given_up:
            # Hypothesis tries once more before it believes a failure.
            self._give_up(*self._given_up)
        if undone := undone_by(self._profiles, schedule):
            pytest.skip(undone)
        undeclared = undeclared_by(self._profiles, schedule.requirements) if self._profiles else []
        if schedule.requirements and len(undeclared) == len(schedule.requirements):
            # Whatever it would show of the rest, others show too, and it takes its time.
            pytest.skip("; ".join(undeclared))
        path = self.settings.out.absolute() / "histories" / f"{_slug(schedule)}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        history, error = self._carry_out(schedule, path)
        judgement = judge(history) if history else _nothing(schedule)
        if error:
            judgement = msgspec.structs.replace(judgement, broke=str(error))
        self._profiles = self._profiles or judgement.profiles
        self._record(judgement, path if history else None, time.monotonic() - began)
        given_up = self._count(judgement, error)
        if history and (breaches := self._selected(judgement)):
            story = tell(history, breaches, path)
            if any(all_requirements()[breach.requirement].level == "MUST" for breach in breaches):
                pytest.fail(story, pytrace=False)
            pytest.xfail(story)
        if given_up:
            self._give_up(judgement.broke, error.exit_code if error else 4)
        if judgement.broke:
            pytest.fail(judgement.broke, pytrace=False)
        if undone := undone_by(judgement.profiles, schedule):
            pytest.skip(undone)
        if doubts := doubts_of(schedule.requirements, judgement):
            pytest.skip("; ".join(doubts))
        return judgement

    def close(self) -> None:
        """Close the world, if it was opened."""
        if self._world:
            self._world.close()
            self._world = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _carry_out(self, schedule: Schedule, path: Path) -> tuple[happened.History | None, RingcheckError | None]:
        """The history, or why there is none."""
        if self._log:
            began = ScheduleBegan(
                time=now(), worker=self._worker, test=self._test, schedule=schedule.name, history=str(path)
            )
            self._log.write(began)
        try:
            if self._world is None:
                self._world = self._open(self.settings, self._progress)
            with captivity() if self.settings.core else contextlib.nullcontext():
                return self._world.carry_out(schedule, path), None
        except RingcheckError as error:
            return None, error
        except SystemExit as error:
            if not self.settings.core:
                raise
            return None, TargetError(f"The core wants its process to end: {type(error).__name__}: {error}")

    def _record(self, judgement: Judgement, path: Path | None, seconds: float) -> None:
        if self._log:
            ended = ScheduleEnded(
                time=now(),
                worker=self._worker,
                test=self._test,
                history="" if path is None else str(path),
                seconds=seconds,
                judgement=judgement,
            )
            self._log.write(ended)

    def _count(self, judgement: Judgement, error: RingcheckError | None) -> bool:
        """Whether to give the rest up: the target cannot even be started, or breaks again and again."""
        first, self._ended = self._ended == 0, self._ended + 1
        self._broken_in_a_row = self._broken_in_a_row + 1 if judgement.broke else 0
        if not judgement.broke:
            return False
        given_up = (first and error is not None) or self._broken_in_a_row >= PATIENCE
        if self._log:
            code = error.exit_code if error else 4
            self._log.write(
                TargetBroke(time=now(), worker=self._worker, reason=judgement.broke, exit_code=code, fatal=given_up)
            )
        return given_up

    def _give_up(self, reason: str, code: int) -> NoReturn:
        assert self._item is not None
        self._given_up = reason, code
        self._item.config.stash[GIVEN_UP] = reason
        if self._worker == "main":
            pytest.exit(reason, returncode=code)
        # A worker cannot end the whole of an xdist run: this test fails, and those after it are skipped.
        pytest.fail(reason, pytrace=False)

    def _selected(self, judgement: Judgement) -> tuple[Breach, ...]:
        if judgement.invalid:
            return ()
        return tuple(
            breach
            for name, finding in judgement.findings.items()
            if name in (self.settings.only or all_requirements())
            for breach in finding.breaches
        )

    def _progress(self, event: happened.Event) -> None:
        if self._log and (text := worth_telling(event)):
            self._log.write(Progress(time=now(), worker=self._worker, text=text))


def open_live(settings: Settings, listener: Callable[[happened.Event], None]) -> World:
    """A live world: processes, proxies and real clients."""
    from ringcheck.worlds.live import LiveWorld

    target = Target.from_command(settings.command, settings.directory)
    return LiveWorld(target, toxiproxy=settings.toxiproxy, seed=settings.seed, on_event=listener)


def open_simulated(settings: Settings, listener: Callable[[happened.Event], None]) -> World:
    """A simulated world: cores in this process, and virtual time."""
    from ringcheck.worlds.simulated import SimulatedWorld

    return SimulatedWorld(settings.core or REFERENCE, on_event=listener)


def doubts_of(requirements: tuple[str, ...], judgement: Judgement) -> list[str]:
    """Why these requirements were not verified, one sentence each; empty when all were."""
    if judgement.invalid:
        return [f"inconclusive: {judgement.invalid}"]
    doubts = []
    for name in requirements:
        finding = judgement.findings.get(name)
        if judgement.profiles and (undeclared := undeclared_by(judgement.profiles, (name,))):
            doubts += undeclared
        elif finding is None or not (finding.held or finding.breaches):
            why = ", ".join(finding.unclear) if finding else ""
            doubts.append(f"{name} inconclusive: {why or 'its event never happened'}")
    return doubts


def undone_by(profiles: Collection[str], schedule: Schedule) -> str:
    """Why nothing of a schedule is done on a mixed cluster, once profiles are known; empty if it is carried out."""
    missing = [profile for profile in schedule.wants_of_both if profiles and profile not in profiles]
    return f"{MIXED} skipped: the target does not declare {missing[0]}" if missing else ""


def undeclared_by(profiles: Collection[str], requirements: Iterable[str]) -> list[str]:
    """One sentence for each of the requirements that is about a profile which these are without."""
    named = [(name, all_requirements()[name].profile) for name in requirements]
    return [
        f"{name} skipped: the target does not declare {profile}" for name, profile in named if profile not in profiles
    ]


def tell(history: happened.History, breaches: tuple[Breach, ...], path: Path) -> str:
    """The stories of the first few breaches, and how to go on from there."""
    stories = [explain(history, breach) for breach in breaches[:STORIES]]
    if len(breaches) > STORIES:
        stories.append(f"… and {len(breaches) - STORIES} more breaches in the same history.")
    stories.append(commands(str(path)))
    return "\n\n".join(stories)


def worth_telling(event: happened.Event) -> str:
    """An event of a history in a few words, empty for those of which there are too many."""
    match event:
        case happened.FaultBegan(fault=fault):
            return describe(fault)
        case happened.FaultEnded():
            return "healed"
        case happened.NodeDown(node=node, killed=killed):
            return f"{node} killed" if killed else f"{node} died by itself"
        case happened.NodeUp(node=node, description=description):
            return f"{node} starts" if description else f"{node} is back"
        case happened.DiskLost(node=node, how=how):
            return f"disk of {node} {how}"
        case happened.Change(kind=kind, node=node, through=through):
            return f"{kind} of {node} through {through}"
        case happened.ChangeDone(code=code) if code != "OK":
            return f"the change ended with {code}"
        case happened.Retired(node=node):
            return f"{node} retired"
        case happened.Disturbed(node=node, source=source, messages=messages):
            return f"{node} disturbed as {source}: {sum(messages.values())} messages"
        case happened.SettleBegan():
            return "settling"
        case happened.Converged():
            return "converged"
        case happened.Diverged():
            return "did not converge"
    return ""


def _nothing(schedule: Schedule) -> Judgement:
    return Judgement(schedule=schedule.name, profiles=(), findings={})


def _slug(schedule: Schedule) -> str:
    """A file name that says where a schedule comes from; the namespace makes it unique."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{schedule.name}-{schedule.namespace}").strip("-.")
