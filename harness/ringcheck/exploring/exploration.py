"""One exploration: saved examples first, then seeds, then the story of each failure; all of it as events."""

import contextlib
import time
from collections.abc import Callable, Sequence

from ringcheck.errors import RingcheckError, UsageError
from ringcheck.exploring import coverage
from ringcheck.exploring.audit import Audit, Difference
from ringcheck.exploring.conclusion import exit_code
from ringcheck.exploring.executor import Executor, InProcess, Tried
from ringcheck.exploring.folder import Folder, State, newest
from ringcheck.exploring.journal import Journal, Listener
from ringcheck.exploring.news import Began, Differed, Drawn, Failed, Finding, Outcome, Progress, SavedTried
from ringcheck.exploring.options import Options, beginning, settled
from ringcheck.exploring.packing import unpacked
from ringcheck.exploring.pool import ProcessPool
from ringcheck.exploring.saved import try_saved
from ringcheck.exploring.search import Search
from ringcheck.exploring.seeds import Position, Seeds
from ringcheck.exploring.tally import Group, Tally, chief, is_asked_for, is_grave, key_of
from ringcheck.exploring.telling import Storyteller
from ringcheck.exploring.trial import Trials
from ringcheck.exploring.versions import current
from ringcheck.stopping import stop_signals
from ringcheck.version import __version__

MOST_STORIES = 10
"""So many causes are shrunk and told; the others are named, each with a seed."""


def explore(options: Options, listeners: Sequence[Listener] = ()) -> Outcome:
    """Explore and return what came of it.

    Raises RingcheckError before anything is tried, with one sentence. Call it from the main thread: while it runs,
    SIGINT and SIGTERM stop it, and the outcome then covers what was found until then.
    """
    options = settled(options)
    trials = Trials(options.core, options.source)
    moot = coverage.moot(options.only, trials.world.profiles, options.source)
    if moot and len(moot) == len(options.only):
        raise UsageError(f"Nothing of what --only names can be judged here: {'; '.join(moot.values())}.")
    if options.resume:
        folder, state = newest(options.out, options.core, options.source)
        position, tally = state.position, state.tally
    else:
        folder = Folder.create(options.out, options.core, options.source)
        position, tally = beginning(options), Tally()
    with stop_signals(insist=True) as stopped, Journal(folder, listeners) as journal:
        return Exploration(options, trials, folder, journal, position, tally, lambda: bool(stopped)).run()


class Exploration:
    """An exploration under way. `position` and `tally` are what an earlier session of it left."""

    def __init__(
        self,
        options: Options,
        trials: Trials,
        folder: Folder,
        journal: Journal,
        position: Position,
        tally: Tally,
        stopped: Callable[[], bool],
    ) -> None:
        self._options = options
        self._trials = trials
        self._folder = folder
        self._journal = journal
        self._tally = tally
        self._seeds = Seeds(position, options.seeds)
        self._stopped = stopped
        self._storyteller = Storyteller(trials, folder, say=journal.say, stopped=stopped)
        self._new: list[Group] = []
        """Causes that this session has found, in the order of finding."""
        self._findings: list[Finding] = []
        self._differences: list[Differed] = []
        self._problems: list[str] = []
        self._began = time.monotonic()
        self._seconds_before = tally.seconds

    def run(self) -> Outcome:
        """All of it."""
        self._journal.say(self._header())
        for part in (self._look, self._tell_all):
            try:
                part()
            except RingcheckError as error:
                self._problems.append(str(error))
            self._keep_state()
        outcome = self._outcome()
        self._journal.say(outcome)
        return outcome

    def _look(self) -> None:
        """Look for failures, until there is no more time or no more sense in it."""
        if self._options.seed is not None:
            self._try_one(self._options.seed)
        elif not self._saved_fails() or self._options.keep_going:
            self._search()
        self._count_time()

    def _header(self) -> Began:
        options = self._options
        return Began(
            ringcheck=__version__,
            core=options.core,
            source=options.source,
            folder=str(self._folder.root),
            first=self._seeds.position.following,
            seeds=options.seeds,
            time_s=options.time_s,
            workers=options.workers,
            only=options.only,
            resumed=self._tally.seeds if options.resume else None,
            single=options.seed is not None,
        )

    def _saved_fails(self) -> bool:
        """Try the saved examples; whether one fails in a way that should end the exploration."""
        saved = try_saved(self._trials, self._folder.examples, self._stopped)
        if saved.schedules:
            self._journal.say(SavedTried(schedules=saved.schedules, alarm=saved.alarm))
        if saved.schedule is None or saved.alarm is None or not is_asked_for(saved.alarm, self._options.only):
            return False
        group = self._tally.groups.get(key_of(saved.alarm))
        if group is not None:
            return False
        self._tally.groups[key_of(saved.alarm)] = Group(alarm=saved.alarm)
        self._told(self._storyteller.tell_saved(saved.schedule, saved.alarm))
        return True

    def _search(self) -> None:
        options = self._options
        deadline = self._began + options.time_s if options.time_s is not None else float("inf")
        with contextlib.closing(self._executor()) as executor:
            search = Search(
                executor,
                self._seeds,
                self._tally,
                Audit(options.audit, self._seeds.position.first),
                only=options.only,
                keep_going=options.keep_going,
                found=self._found,
                differs=self._differs,
            )
            search.run(
                self._stopped, enough=lambda: time.monotonic() >= deadline, progress=lambda: self._progress(executor)
            )

    def _executor(self) -> Executor:
        options = self._options
        if options.workers == 0:
            return InProcess(self._trials)
        workers = options.workers if options.seeds is None else min(options.workers, options.seeds)
        return ProcessPool(options.core, options.source, workers, self._folder.workers_log)

    def _try_one(self, seed: int) -> None:
        """Try a single seed in this process; its history is kept whatever comes of it."""
        path = self._folder.histories / f"seed-{seed}.jsonl"
        self._journal.say(Drawn(seed=seed, schedule=self._trials.draw(seed), history=str(path)))
        result, _ = self._trials.attempt(seed, path)
        self._seeds.take(1)
        self._seeds.ended(seed)
        if group := self._tally.add(result, chief(result.alarms, self._options.only)):
            self._new.append(group)

    def _found(self, tried: Tried, group: Group) -> None:
        """A cause that is new: said and written down at once, told at the end."""
        seed = tried.result.seed
        path = ""
        if tried.history is not None:
            history = unpacked(tried.history)
            path = self._journal.keep(f"seed-{seed}", history)
            if difference := self._storyteller.differs(seed, history):
                # What fails in a worker has to fail alike in this process.
                self._differs(difference)
        self._journal.say(Failed(seed=seed, alarm=group.alarm, history=path))
        self._new.append(group)
        self._keep_state()

    def _differs(self, difference: Difference) -> None:
        self._differences.append(self._journal.keep_both(difference))

    def _tell_all(self) -> None:
        """The stories of what was found, each by its first seed; the gravest and most frequent, if there are many."""
        weight = sorted(self._new, key=lambda group: (not is_grave(group.alarm), -group.count))
        for group in weight[:MOST_STORIES]:
            seed = group.seeds[0]
            if group.lost:
                self._told(self._storyteller.tell_lost(seed, group.alarm))
            else:
                self._told(self._storyteller.tell(seed, group.alarm, small=self._options.shrink))

    def _told(self, finding: Finding) -> None:
        self._findings.append(finding)
        self._journal.say(finding)

    def _count_time(self) -> None:
        self._tally.seconds = self._seconds_before + time.monotonic() - self._began

    def _progress(self, executor: Executor) -> None:
        self._count_time()
        self._journal.say(Progress(tally=self._tally, longest=executor.longest()))
        self._keep_state(at_once=False)

    def _keep_state(self, *, at_once: bool = True) -> None:
        """Write down how far it has come; nobody resumes a single seed."""
        if self._options.seed is None:
            self._journal.state(self._state, at_once=at_once)

    def _state(self) -> State:
        options = self._options
        return State(
            versions=current(),
            core=options.core,
            source=options.source,
            position=self._seeds.position,
            tally=self._tally,
        )

    def _outcome(self) -> Outcome:
        code = exit_code(
            self._tally,
            self._options.only,
            differs=bool(self._differences),
            problems=bool(self._problems),
            interrupted=self._stopped(),
        )
        return Outcome(
            tally=self._tally,
            findings=tuple(self._findings),
            differences=tuple(self._differences),
            problems=tuple(self._problems),
            only=self._options.only,
            following=self._seeds.position.untried,
            seconds=time.monotonic() - self._began,
            exit_code=code,
        )
