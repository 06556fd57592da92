"""One run: pytest as a subprocess, its workers' events as they come, and the outcome at the end.

pytest is shut off from the user's folder: no conftest, no configuration, no plugin but ours, xdist and Hypothesis. In
the same process, or with the user's settings, a `filterwarnings = error` or a conftest of theirs would break the run.

Nothing outlives a run. pytest ties itself to this process and its workers tie themselves to pytest, so all of them
die with it even by SIGKILL; the supervisors of their clusters then see the end of their input and clean up.
"""

import contextlib
import os
import secrets
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from ringcheck.errors import UsageError
from ringcheck.events import Event, Follower, TargetBroke
from ringcheck.outcome import BROKE, Findings, Outcome
from ringcheck.requirements import UnknownRequirementError, select
from ringcheck.results import Results
from ringcheck.simulation.loading import load_kit, settled_name
from ringcheck.stopping import stop_signals
from ringcheck.target import Target, start_deadline_s
from ringcheck_chaos.toxiproxy import ToxiproxyError, find_server

MARKER = "RINGCHECK_RUN"
"""Environment variable that every process of a run inherits; its value tells runs apart."""

POLL_S = 0.05
LARGEST_SEED = 2**64 - 1
"""What fits into the seed of a NodeConfig."""

GONE_S = 10.0
"""How long supervisors may take to clean up. They need well under a second, on a busy machine a few."""

PLUGINS = ("ringcheck", "xdist", "hypothesispytest")
ISOLATION = ("-c", os.devnull, "--noconftest", "-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:tmpdir")
FOREIGN_SETTINGS = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONWARNINGS")


def usual_workers() -> int:
    """One more than there are cores, since a schedule mostly waits; 8 at most, for each has a cluster of its own."""
    return min(len(os.sched_getaffinity(0)) + 1, 8)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a user asks of a run. `command` None is the reference, `only` empty everything; `workers` 0: no xdist.

    With a `core` nothing is started, and everything happens in the simulated world.
    """

    command: tuple[str, ...] | None = None
    core: str | None = None
    only: tuple[str, ...] = ()
    nodes: int = 5
    seed: int | None = None
    schedules: int = 8
    workers: int = msgspec.field(default_factory=usual_workers)
    toxiproxy: str | None = None
    out: Path = Path("ringcheck-results")
    directory: Path = Path()
    tests: tuple[str, ...] = ("--pyargs", "ringcheck_properties")


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run that begins: what was asked, what was chosen for it, and where its results go."""

    options: Options
    seed: int
    target: Target
    only: tuple[str, ...]
    folder: Path


class Listener(Protocol):
    """Somebody who is told what a run does; called in the thread of `run`."""

    def began(self, run: Run) -> None:
        """The run begins; nothing is started yet."""

    def heard(self, event: Event) -> None:
        """A worker said something."""

    def ended(self, outcome: Outcome) -> None:
        """The run is over and nothing of it is left."""


def run(options: Options, listeners: Sequence[Listener] = ()) -> Outcome:
    """Carry a run out and return what came of it.

    Raises UsageError or TargetError before anything is started, with one sentence. Call it from the main thread:
    while it runs, SIGINT and SIGTERM stop the run, and the outcome then covers what was found until then.
    """
    prepared = _prepare(options)
    results = Results.create(options.out, prepared.seed)
    prepared = msgspec.structs.replace(prepared, folder=results.folder)
    began = time.monotonic()
    findings = Findings(prepared.only)
    for listener in listeners:
        listener.began(prepared)
    with stop_signals() as stopped:
        try:
            _follow(prepared, results, findings, listeners, stopped)
        except OSError as error:
            findings.add_problem(_unwritten(results, error), BROKE)
        outcome = findings.outcome(seconds=time.monotonic() - began, interrupted=bool(stopped))
        try:
            summary = msgspec.json.encode({"run": prepared, "outcome": outcome}, enc_hook=str)  # for the paths in it
            results.summary.write_bytes(msgspec.json.format(summary) + b"\n")
        except OSError as error:
            findings.add_problem(_unwritten(results, error), BROKE)
            outcome = findings.outcome(seconds=outcome.seconds, interrupted=bool(stopped))
    for listener in listeners:
        listener.ended(outcome)
    return outcome


def _unwritten(results: Results, error: OSError) -> str:
    return f"Not all results could be written to {results.folder}: {error.strerror}; make room, or name another folder."


def _prepare(options: Options) -> Run:
    """Check what can be checked before anything starts."""
    try:
        only = tuple(each.id for each in select(options.only))
    except UnknownRequirementError as error:
        raise UsageError(str(error)) from None
    if options.nodes < 1:
        raise UsageError(f"A cluster of {options.nodes} nodes was asked for; give --nodes a number from 1 up.")
    if options.core and (options.command or options.toxiproxy):
        raise UsageError("A core means the simulated world, a command or a Toxiproxy server the live one; choose.")
    target = Target.from_command(options.command, options.directory)
    if options.core:
        # pytest runs elsewhere, in the folder of the results.
        options = msgspec.structs.replace(options, core=settled_name(options.core))
        load_kit(options.core or "")
    else:
        _check_live(options, target)
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    return Run(options=options, seed=seed, target=target, only=only, folder=options.out)


def _check_live(options: Options, target: Target) -> None:
    try:
        find_server(options.toxiproxy)
    except ToxiproxyError as error:
        raise UsageError(str(error)) from None
    target.check()
    start_deadline_s()


def _follow(run: Run, results: Results, findings: Findings, listeners: Sequence[Listener], stopped: list[int]) -> None:
    """Run pytest to its end, or to ours, and pass on what its workers say."""
    marker = secrets.token_hex(8)
    follower = Follower(results.events)

    def pass_on() -> bool:
        fatal = False
        for event in follower.news():
            findings.add(event)
            fatal = fatal or (isinstance(event, TargetBroke) and event.fatal)
            for listener in listeners:
                listener.heard(event)
        return fatal

    given_up = False
    with results.log.open("wb") as log:
        child = subprocess.Popen(
            command(run, results),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=results.folder,
            env=environment(marker),
            start_new_session=True,  # Ctrl-C is for us; we stop the others in order
        )
        try:
            while child.poll() is None and not stopped and not given_up:
                given_up = pass_on()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(POLL_S)
        finally:
            _end(child, marker)
    pass_on()
    if not stopped and not given_up and (problem := _complaint(child.returncode, results.log)):
        findings.add_problem(problem, BROKE)


def command(run: Run, results: Results) -> list[str]:
    """The command that runs the tests, workers below it."""
    options = run.options
    plugins = [argument for name in PLUGINS for argument in ("-p", name)]
    ours = {
        "target": shlex.join(run.target.command),
        "directory": str(run.target.folder),
        "nodes": str(options.nodes),
        "seed": str(run.seed),
        "schedules": str(options.schedules),
        "only": ",".join(run.only),
        "out": str(results.folder),
        "events": str(results.events),
        "toxiproxy": options.toxiproxy or "",
        "core": options.core or "",
        "parent": str(os.getpid()),
    }
    return [
        *(sys.executable, "-P", "-m", "pytest", *options.tests, *ISOLATION, *plugins),
        *("--rootdir", str(results.folder)),
        # One test at a time to each worker: they differ in length, and the longest should not queue behind others.
        *("-n", str(options.workers), "--maxschedchunk", "1"),
        *(f"--ringcheck-{name}={value}" for name, value in ours.items() if value),
    ]


def environment(marker: str) -> dict[str, str]:
    """Our environment without what would change the tests, and with the mark of this run."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN_SETTINGS}
    return {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", MARKER: marker}


def processes_of(marker: str) -> list[int]:
    """The processes that carry the mark of a run, by id."""
    wanted = f"{MARKER}={marker}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it ended while we looked, or is somebody else's
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def _end(child: subprocess.Popen[bytes], marker: str) -> None:
    """Kill what is left of pytest and its workers, and wait until their supervisors have cleaned up."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    deadline = time.monotonic() + GONE_S
    while processes_of(marker) and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _complaint(code: int, log: Path) -> str:
    """What is wrong when pytest ends otherwise than by having run its tests; empty if nothing is."""
    # 0: all passed, 1: some failed, 5: none was selected. What they mean is for the verdicts to say.
    if code in {0, 1, 5}:
        return ""
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    said = (errors or lines or ["nothing"])[-1].strip()
    return f"The tests ended unexpectedly (pytest's code {code}); the log {log} says: {said}"
