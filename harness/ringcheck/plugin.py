"""The pytest plugin: options for the target, the marker `requirement`, and the fixture `conform`.

    pytest --pyargs ringcheck_properties --ringcheck-target "my-node --config {config}"

Every pytest run in an environment that has ringcheck loads this file, so it imports little; what carries schedules
out (`ringcheck.conform`) is imported by the first test that needs it. `ringcheck run` uses the same plugin and reads
the events that it writes.

A test fails on a breach of a MUST, is xfailed on a breach of a SHOULD, and is skipped with its reason when the run
could not tell. With pytest-xdist every worker has a cluster of its own.
"""

import os
import random
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ringcheck.conform import Conform
    from ringcheck.events import EventLog

MARKER = "requirement(*ids): the requirements of the contract for whose sake a test was written"
LIVE_MARKER = "ringcheck_live: needs processes, so it is left out where a core is simulated"
GIVEN_UP = pytest.StashKey[str]()
FOLDER = pytest.StashKey[Path]()
LOG: pytest.StashKey["EventLog"] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare our options; their names say ringcheck, so as to be in nobody's way."""
    group = parser.getgroup("ringcheck", "ringcheck: conformance of a Dynamo-style store")
    add = group.addoption
    add("--ringcheck-target", metavar="COMMAND", help="how to start a node, {config} in it; default: the reference")
    add("--ringcheck-core", metavar="NAME", help="simulate this core instead of starting a target")
    add("--ringcheck-nodes", type=int, default=5, metavar="N", help="nodes of a cluster (default: 5)")
    add("--ringcheck-seed", type=int, metavar="S", help="seed of all random choices (default: drawn, and shown)")
    add("--ringcheck-schedules", type=int, default=8, metavar="N", help="how many random schedules (default: 8)")
    add("--ringcheck-only", metavar="ID,…", help="only tests of these requirements")
    add("--ringcheck-out", default="ringcheck-results", metavar="DIR", help="where each run makes a folder of its own")
    add("--ringcheck-toxiproxy", metavar="PATH|URL|embedded", help="which Toxiproxy server to use")
    add("--ringcheck-events", metavar="DIR", help="write the run's events there, one file a worker")
    add("--ringcheck-directory", metavar="DIR", help="where the target's command starts (default: here)")
    add("--ringcheck-parent", type=int, metavar="PID", help="end when this process, our parent, ends")


def pytest_configure(config: pytest.Config) -> None:
    """Take up the marker, tie this process to its parent, settle the seed, and record events where asked."""
    config.addinivalue_line("markers", MARKER)
    config.addinivalue_line("markers", LIVE_MARKER)
    parent = _parent(config)
    if parent is not None:
        from ringcheck_chaos.processes import die_with_parent

        die_with_parent(parent)
    config.option.ringcheck_seed = _seed(config)
    config.stash[FOLDER] = _folder(config)
    _command(config.option.ringcheck_target)
    if config.option.ringcheck_only:
        _selected(config)
    if config.option.ringcheck_events:
        from ringcheck.events import EventLog
        from ringcheck.recorder import ControllerRecorder, Recorder

        worker = worker_name(config)
        log = config.stash[LOG] = EventLog(Path(config.option.ringcheck_events), worker)
        recorder = ControllerRecorder(log) if worker == "controller" else Recorder(log, worker)
        config.pluginmanager.register(recorder, "ringcheck-recorder")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close what pytest_configure opened."""
    if log := config.stash.get(LOG, None):
        log.close()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker who its parent is, and the seed that all workers share (a hook of xdist)."""
    node.workerinput["ringcheck_parent"] = os.getpid()
    node.workerinput["ringcheck_seed"] = node.config.option.ringcheck_seed
    node.workerinput["ringcheck_folder"] = str(node.config.stash[FOLDER])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that --ringcheck-only does not name, and those that no core can take."""
    kept = items
    if config.option.ringcheck_core:
        kept = [item for item in kept if item.get_closest_marker("ringcheck_live") is None]
    if config.option.ringcheck_only:
        wanted = set(_selected(config))
        kept = [item for item in kept if wanted & set(requirements_of(item))]
    if len(kept) == len(items):
        return
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is left once the target has turned out to be unusable."""
    if reason := item.config.stash.get(GIVEN_UP, ""):
        pytest.skip(f"given up: {reason}")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Show the seed of a run that has a target, so that it can be repeated."""
    option = config.option
    if not (option.ringcheck_target or option.ringcheck_core):
        return None
    what = f"core {option.ringcheck_core}" if option.ringcheck_core else f"target {option.ringcheck_target}"
    return f"ringcheck: {what}, --ringcheck-seed {option.ringcheck_seed}"


@pytest.fixture(scope="session")
def _conform(pytestconfig: pytest.Config) -> Iterator["Conform"]:
    from ringcheck.conform import Conform, Settings
    from ringcheck.results import share_folder

    option = pytestconfig.option
    if not option.ringcheck_events:
        share_folder(pytestconfig.stash[FOLDER])
    settings = Settings(
        command=_command(option.ringcheck_target),
        core=option.ringcheck_core,
        nodes=option.ringcheck_nodes,
        seed=option.ringcheck_seed,
        schedules=option.ringcheck_schedules,
        only=_selected(pytestconfig),
        out=pytestconfig.stash[FOLDER],
        toxiproxy=option.ringcheck_toxiproxy,
        directory=Path(option.ringcheck_directory or Path.cwd()),
    )
    with Conform(settings, worker_name(pytestconfig), pytestconfig.stash.get(LOG, None)) as conform:
        yield conform


@pytest.fixture
def conform(_conform: "Conform", request: pytest.FixtureRequest) -> "Conform":
    """Carry a schedule out on this worker's cluster, judge it, and fail the test on a breach.

    `conform(schedule)` returns the Judgement. `conform.settings` holds nodes, seed and the number of random schedules.
    """
    _conform.begin_test(request.node)
    return _conform


def worker_name(config: pytest.Config) -> str:
    """Which process of the run this is: "gw0", "gw1", … under xdist, "controller" above them, else "main"."""
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:
        return str(workerinput["workerid"])
    return "main" if config.getoption("dist", "no") == "no" else "controller"


def requirements_of(item: pytest.Item) -> tuple[str, ...]:
    """The requirements for whose sake a test was written, each once."""
    return tuple(dict.fromkeys(name for marker in item.iter_markers("requirement") for name in marker.args))


def _parent(config: pytest.Config) -> int | None:
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:
        return int(workerinput["ringcheck_parent"])
    parent: int | None = config.option.ringcheck_parent
    return parent


def _seed(config: pytest.Config) -> int:
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:
        return int(workerinput["ringcheck_seed"])
    given: int | None = config.option.ringcheck_seed
    return random.SystemRandom().randrange(2**32) if given is None else given


def _folder(config: pytest.Config) -> Path:
    """Where histories go, below histories/: the folder that `ringcheck run` has made, else one of this run's own.

    It is only made by the first test that needs it.
    """
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:
        return Path(workerinput["ringcheck_folder"])
    out = Path(config.option.ringcheck_out).absolute()
    if config.option.ringcheck_events:
        return out
    from ringcheck.results import stem_of

    return out / stem_of(str(config.option.ringcheck_seed))


def _command(target: str | None) -> tuple[str, ...] | None:
    if not target:
        return None
    try:
        return tuple(shlex.split(target))
    except ValueError as error:
        raise pytest.UsageError(
            f"--ringcheck-target {target!r} is no command ({error}); quote it as in a shell."
        ) from None


def _selected(config: pytest.Config) -> tuple[str, ...]:
    if not config.option.ringcheck_only:
        return ()
    from ringcheck.requirements import UnknownRequirementError, select

    try:
        return tuple(each.id for each in select(config.option.ringcheck_only.split(",")))
    except UnknownRequirementError as error:
        raise pytest.UsageError(str(error)) from None
