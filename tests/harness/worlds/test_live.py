"""The live world on small clusters of the foreign node, which serves kv and describe alone."""

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringcheck.errors import TargetError, UsageError
from ringcheck.history import (
    Broke,
    Converged,
    Event,
    Fail,
    FaultBegan,
    FaultEnded,
    History,
    Info,
    Invoke,
    NodeDown,
    NodeUp,
    Note,
    Observation,
    Ok,
    SettleBegan,
    Skipped,
)
from ringcheck.history_file import read_history
from ringcheck.schedule import (
    Await,
    Configuration,
    Delete,
    Elapse,
    Get,
    Heal,
    Inject,
    Kill,
    Observe,
    Put,
    Restart,
    Schedule,
    Settle,
    Step,
)
from ringcheck.target import Target
from ringcheck.worlds.live import LiveWorld
from ringcheck_chaos.faults import CLIENT, Isolate, LinkFault

NODES = Path(__file__).parents[2] / "nodes"
QUICK = Configuration(
    nodes=3,
    n=3,
    r=2,
    w=2,
    anti_entropy_interval_ms=100,
    replica_timeout_ms=150,
    request_timeout_ms=1_500,
    detection_deadline_ms=400,
)

STARTS_ONCE = """
import json, os, pathlib, sys
mark = pathlib.Path(json.loads(pathlib.Path(sys.argv[1]).read_text())["data_directory"]) / "started"
if mark.exists():
    sys.exit("I start once only.")
mark.touch()
os.execv(sys.executable, [sys.executable, {foreign!r}, sys.argv[1]])
"""


@pytest.fixture(scope="module")
def world() -> Iterator[LiveWorld]:
    """One world for the tests that leave its cluster in peace or have it thrown away."""
    target = Target.from_command([sys.executable, str(NODES / "foreign.py"), "{config}"])
    with LiveWorld(target, toxiproxy="embedded") as world:
        yield world


def plan(name: str, *steps: Step, configuration: Configuration = QUICK) -> Schedule:
    """A schedule with these steps, on keys of its own."""
    return Schedule(name=name, namespace=name, configuration=configuration, steps=steps)


def ended(history: History, operation: int) -> Ok | Fail | Info | Skipped:
    """How an operation ended."""
    found = [each for each in history.events if isinstance(each, Ok | Fail | Info | Skipped)]
    return next(each for each in found if each.operation == operation)


def position(history: History, kind: type[Event], operation: int) -> int:
    """Where in the history an operation's event of this kind stands."""
    return next(
        index
        for index, event in enumerate(history.events)
        if isinstance(event, kind) and getattr(event, "operation", None) == operation
    )


def events_of(history: History, kind: type[Event]) -> list[Event]:
    """All events of one kind."""
    return [event for event in history.events if isinstance(event, kind)]


def test_operations_contexts_and_file(world: LiveWorld, tmp_path: Path) -> None:
    """Operations are sent with the contexts that the schedule names, and the file tells what is returned."""
    steps = (
        Put(id=1, node="n1", key="a", value="one"),
        Get(id=2, node="n2", key="a"),
        Put(id=3, node="n3", key="a", value="two", context=2),
        Put(id=4, node="n2", key="a", value="three", context=2),
        Get(id=5, node="n1", key="a", r=3),
        Delete(id=6, node="n1", key="a", context=5),
        Get(id=7, node="n3", key="a", r=3),
        Put(id=8, node="n1", key="a", value="four", context=6),
        Put(id=9, node="n1", key="b", value="five", context="malformed"),
        Delete(id=10, node="n1", key="b", context=None),
        Get(id=11, node="n1", key=""),
    )
    path = tmp_path / "deep" / "history.jsonl"
    history = world.carry_out(plan("operations", *steps), path)
    assert read_history(path) == history
    assert history.header.schedule.steps == steps
    assert history.header.nodes["n1"].profiles == ("kv", "describe")
    assert {"python", "grpcio", "protobuf", "hypothesis", "ringcheck"} <= set(history.header.versions)
    assert history.header.network == "embedded"
    assert getattr(ended(history, 2), "values", None) == ("one",)
    assert set(getattr(ended(history, 5), "values", ())) == {"two", "three"}
    assert ended(history, 7) == Ok(time=ended(history, 7).time, operation=7, context=ended(history, 7).context)  # type: ignore[union-attr]
    assert isinstance(ended(history, 8), Skipped)
    assert all(getattr(ended(history, each), "code", "") == "INVALID_ARGUMENT" for each in (9, 10, 11))
    assert [each.quorum for each in events_of(history, Invoke)[:5]] == [2, 2, 2, 2, 3]  # type: ignore[union-attr]
    times = [event.time for event in history.events]
    assert times == sorted(times)


def test_operations_without_wait_run_side_by_side(world: LiveWorld, tmp_path: Path) -> None:
    """Without wait the next step starts at once; a write waits for the operation whose context it needs."""
    history = world.carry_out(
        plan(
            "concurrent",
            Inject(id=1, fault=LinkFault(how="latency", source=CLIENT, target="n1", latency_ms=50)),
            Put(id=1, node="n1", key="a", value="one", wait=False),
            Put(id=2, node="n1", key="a", value="two", wait=False),
            Put(id=3, node="n2", key="a", value="three", context=1, wait=False),
            Await(),
            Get(id=4, node="n2", key="a", r=3),
            Heal(id=1),
        ),
        tmp_path / "h.jsonl",
    )
    assert position(history, Invoke, 2) < position(history, Ok, 1)
    assert position(history, Ok, 1) < position(history, Invoke, 3)
    assert set(getattr(ended(history, 4), "values", ())) == {"two", "three"}


def toxiproxy_below(supervisor: int) -> int:
    """The process id of the embedded Toxiproxy that this supervisor started."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == supervisor and b"ringcheck_chaos.embedded" in (process / "cmdline").read_bytes():
                return int(process.name)
        except OSError:
            continue  # it ended while we looked
    raise AssertionError("no Toxiproxy runs")


@pytest.mark.slow
def test_settle_heals_restarts_and_reads_everything_everywhere(world: LiveWorld, tmp_path: Path) -> None:
    """Faults and deaths are proved and told; a Settle undoes them all and reads every key at every node."""
    heard: list[Event] = []
    target = Target.from_command([sys.executable, str(NODES / "foreign.py"), "{config}"])
    with LiveWorld(target, toxiproxy="embedded", seed=7, on_event=heard.append) as own:
        history = own.carry_out(
            plan(
                "settle",
                Inject(id=1, fault=Isolate(how="stall", node="n1")),
                Put(id=1, node="n1", key="a", value="one"),
                Kill(nodes=("n3",)),
                Put(id=2, node="n2", key="b", value="two"),
                Inject(id=2, fault=LinkFault(how="drop", source="n2", target="n1")),
                Heal(id=1),
                Settle(),
                Put(id=3, node="n1", key="b", value="three"),
                Kill(nodes=("n1", "n2", "n3")),
                Restart(nodes=("n1",)),
                Elapse(seconds=0.05),
                Settle(),
            ),
            tmp_path / "h.jsonl",
        )
    assert list(history.events) == heard
    assert history.header.seed == 7
    disturbances = [each for each in history.events if isinstance(each, FaultBegan | FaultEnded | NodeDown)]
    assert all(each.proof and each.began <= each.time for each in disturbances)
    assert all(each.bit for each in disturbances if not isinstance(each, NodeDown))
    assert [each.fault_id for each in disturbances if isinstance(each, FaultEnded)] == [1, 2]
    assert [each.node for each in disturbances if isinstance(each, NodeDown)] == ["n3", "n1", "n2", "n3"]
    assert {each.node for each in events_of(history, NodeUp)[1:]} == {"n1", "n2", "n3"}  # type: ignore[union-attr]
    assert isinstance(ended(history, 1), Info)
    converged = [each for each in history.events if isinstance(each, Converged)]
    assert [(each.index, each.by) for each in converged] == [(0, "reads"), (1, "reads")]
    assert len(events_of(history, SettleBegan)) == 2
    final = [each for each in history.events if isinstance(each, Invoke) and each.final]
    assert [each.operation for each in final] == list(range(1_000_000, 1_000_012))
    assert {(each.key, each.node) for each in final[:6]} == {(key, node) for key in "ab" for node in QUICK.node_ids}
    assert all(each.quorum == 3 and each.time > converged[0].time for each in final)
    assert {getattr(ended(history, each.operation), "values", None) for each in final if each.key == "a"} == {("one",)}


@pytest.mark.slow
def test_cluster_serves_the_next_schedule_only_if_it_was_left_converged(world: LiveWorld, tmp_path: Path) -> None:
    """What a converged cluster holds is still there for the next schedule; any other cluster is thrown away."""
    read = Get(id=1, node="n2", key="a", r=3)
    written = Put(id=1, node="n1", key="a", value="kept")
    world.carry_out(plan("reuse", written, Settle()), tmp_path / "1.jsonl")
    kept = world.carry_out(plan("reuse", read), tmp_path / "2.jsonl")
    fresh = world.carry_out(plan("reuse", read), tmp_path / "3.jsonl")
    assert getattr(ended(kept, 1), "values", None) == ("?kept",)
    assert getattr(ended(fresh, 1), "values", None) == ()


@pytest.mark.slow
def test_node_that_dies_by_itself_is_told_and_restarted(tmp_path: Path) -> None:
    """A death that nobody asked for is an event with its proof, and the next Settle starts the node again."""
    target = Target.from_command([sys.executable, str(NODES / "foreign.py"), "{config}"])
    with LiveWorld(target, toxiproxy="embedded") as world:

        def strike(event: Event) -> None:
            if isinstance(event, Invoke) and event.operation == 1:
                assert world._cluster is not None
                pid = world._cluster.nodes["n2"].process.pid
                assert pid is not None
                os.kill(pid, signal.SIGTERM)

        world._on_event = strike
        history = world.carry_out(
            plan("death", Put(id=1, node="n1", key="a", value="one"), Elapse(seconds=1.5), Settle()),
            tmp_path / "h.jsonl",
        )
    [down] = [each for each in history.events if isinstance(each, NodeDown)]
    assert (down.node, down.killed) == ("n2", False)
    assert "n2 ended" in down.proof
    assert [each.node for each in events_of(history, NodeUp)] == ["n2"]  # type: ignore[union-attr]
    assert isinstance(history.events[-1], Note | Ok)
    assert events_of(history, Converged)


@pytest.mark.slow
def test_target_that_breaks_in_mid_run_leaves_a_whole_history(tmp_path: Path) -> None:
    """A restart that fails ends the history with Broke, its last words and a footer, and leaves nothing behind."""
    script = tmp_path / "once.py"
    script.write_text(STARTS_ONCE.format(foreign=str(NODES / "foreign.py")))
    path = tmp_path / "h.jsonl"
    with LiveWorld(Target.from_command([sys.executable, str(script), "{config}"]), toxiproxy="embedded") as world:
        for _ in range(2):  # the second time on a cluster of its own
            history = world.carry_out(plan("broke", Kill(nodes=("n1",)), Restart(nodes=("n1",)), Settle()), path)
            [broke] = [each for each in history.events if isinstance(each, Broke)]
            assert "Node n1 ended while it was starting;" in broke.reason
            assert "I start once only." in broke.reason
            assert read_history(path) == history
            assert not events_of(history, SettleBegan)


def test_observe_without_inspect_does_not_wait(world: LiveWorld, tmp_path: Path) -> None:
    """Where there is nothing to look into, an Observe ends at once and says that its condition was not met."""
    history = world.carry_out(plan("blind", Observe(until="hint"), Observe()), tmp_path / "h.jsonl")
    seen = [(each.why, each.condition, each.met) for each in history.events if isinstance(each, Observation)]
    assert seen == [("start", "now", True), ("observe", "hint", False), ("observe", "now", True)]


@pytest.mark.slow
def test_interrupt_ends_the_cluster_before_it_is_raised(tmp_path: Path) -> None:
    """Ctrl-C in mid-run leaves a history without footer, and no cluster."""
    target = Target.from_command([sys.executable, str(NODES / "foreign.py"), "{config}"])
    main = threading.get_ident()
    pids: list[int | None] = []
    with LiveWorld(target, toxiproxy="embedded") as world:

        def interrupt(event: Event) -> None:
            if isinstance(event, Invoke):
                assert world._cluster is not None
                pids.extend(node.process.pid for node in world._cluster.nodes.values())
                signal.pthread_kill(main, signal.SIGINT)

        world._on_event = interrupt
        with pytest.raises(KeyboardInterrupt):
            world.carry_out(plan("interrupt", Get(id=1, node="n1", key="a"), Elapse(seconds=60)), tmp_path / "h.jsonl")
        assert len(pids) == 3
        assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
    assert read_history(tmp_path / "h.jsonl", partial=True).footer is None


@pytest.mark.slow
def test_toxiproxy_that_dies_is_not_charged_to_the_target(tmp_path: Path) -> None:
    """When the server that carries the links is gone, the history says so and proves nothing more."""
    target = Target.from_command([sys.executable, str(NODES / "foreign.py"), "{config}"])
    with LiveWorld(target, toxiproxy="embedded") as world:

        def strike(event: Event) -> None:
            if isinstance(event, Invoke):
                assert world._cluster is not None
                os.kill(toxiproxy_below(world._cluster._supervisor.pid), signal.SIGKILL)

        world._on_event = strike
        history = world.carry_out(plan("proxy", Put(id=1, node="n1", key="a", value="one")), tmp_path / "h.jsonl")
    broke = history.events[-1]
    assert isinstance(broke, Broke)
    assert "The Toxiproxy server that carries the links has failed" in broke.reason


@pytest.mark.slow
def test_close_leaves_nothing_behind(tmp_path: Path) -> None:
    """After close no process of the cluster runs, its folder is gone, and closing again does nothing."""
    world = LiveWorld(
        Target.from_command([sys.executable, str(NODES / "foreign.py"), "{config}"]), toxiproxy="embedded"
    )
    world.carry_out(plan("close", Settle()), tmp_path / "h.jsonl")
    assert world._cluster is not None
    nodes = list(world._cluster.nodes.values())
    world.close()
    world.close()
    assert not nodes[0].process.log_path.parent.exists()
    assert [node.id for node in nodes if Path(f"/proc/{node.process.pid}").exists()] == []


@pytest.mark.parametrize(
    ("switch", "sentence"),
    [
        ("--exit-at-once", "ended while it was starting"),
        ("--declare=ring", "declares ring but its service answers UNIMPLEMENTED"),
        *(
            pytest.param(switch, sentence, marks=pytest.mark.slow)
            for switch, sentence in (
                ("--never-healthy", "was not healthy within 6 s: it reported NOT_SERVING"),
                ("--nonsense", "describes itself wrongly: n is 0"),
                ("--declare=peer", "declares peer but its service answers UNIMPLEMENTED"),
                ("--declare=membership", "declares membership but its service answers UNIMPLEMENTED"),
            )
        ),
    ],
)
def test_target_that_is_no_node_is_told_in_a_sentence(
    switch: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that does not come up, or is not what it says, breaks the target before any history begins."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    if switch == "--never-healthy":
        monkeypatch.setenv("RINGCHECK_START_DEADLINE_S", "6")
    target = Target.from_command([sys.executable, str(NODES / "foreign.py"), switch, "{config}"])
    single = Configuration(nodes=1, n=1, r=1, w=1)
    with LiveWorld(target, toxiproxy="embedded") as world:
        with pytest.raises(TargetError) as caught:
            world.carry_out(plan("never", configuration=single), tmp_path / "h.jsonl")
    assert sentence in str(caught.value)
    assert caught.value.exit_code == 4
    assert not (tmp_path / "h.jsonl").exists()
    assert list((tmp_path / "temporary").iterdir()) == []


def test_unknown_toxiproxy_is_wrong_use() -> None:
    """A Toxiproxy that is not there is told before anything starts."""
    with pytest.raises(UsageError, match="No program to run"):
        LiveWorld(Target.from_command(), toxiproxy="/nowhere/toxiproxy-server")


def test_history_that_cannot_be_written_is_wrong_use(world: LiveWorld, tmp_path: Path) -> None:
    """A folder in which nothing can be written is told in a sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        world.carry_out(plan("unwritable"), tmp_path / "file" / "h.jsonl")
