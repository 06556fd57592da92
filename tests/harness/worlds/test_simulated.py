"""The simulated world: every step does what it says, and one schedule is one history."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ringcheck.errors import TargetError, UsageError
from ringcheck.history import (
    Broke,
    Converged,
    DiskLost,
    FaultBegan,
    FaultEnded,
    History,
    Info,
    NodeDown,
    NodeUp,
    Note,
    Observation,
    Ok,
    Skipped,
)
from ringcheck.history_file import read_history
from ringcheck.judging import judge
from ringcheck.schedule import (
    Await,
    Backup,
    Configuration,
    CrashAfter,
    Delete,
    Disturb,
    Elapse,
    Get,
    Heal,
    Inject,
    Kill,
    Observe,
    Put,
    Restart,
    RollBack,
    Schedule,
    Settle,
    Step,
    Wipe,
    beyond_live,
)
from ringcheck.simulation.loading import REFERENCE
from ringcheck.worlds.simulated import SimulatedWorld
from ringcheck_chaos.faults import ClockSkew, DiskErrors, Isolate, MessageFault, Split
from ringcheck_properties.registry import Example, all_examples


def schedule(*steps: Step, nodes: int = 3, seed: int = 0, **settings: Any) -> Schedule:
    """Steps for a small cluster."""
    n = min(3, nodes)
    settings = {"n": n, "r": min(2, n), "w": min(2, n), **settings}
    configuration = Configuration(nodes=nodes, **settings)
    return Schedule(name="tried", namespace="tried", configuration=configuration, seed=seed, steps=steps)


def carried_out(*steps: Step, **settings: Any) -> History:
    """The history of steps on the reference."""
    return SimulatedWorld(REFERENCE).carry_out(schedule(*steps, **settings))


def ends(history: History) -> dict[int, Any]:
    """How each operation of the schedule ended."""
    found = [event for event in history.events if isinstance(event, Ok | Info)]
    return {event.operation: event for event in found if event.operation < 1_000_000}


def of(history: History, kind: type) -> list[Any]:
    """The events of one kind."""
    return [event for event in history.events if isinstance(event, kind)]


@pytest.mark.parametrize("example", [pytest.param(each, id=each.name) for each in all_examples()])
def test_every_example_of_the_live_world_holds_in_this_one(example: Example) -> None:
    """The reference passes what each was written for, and breaks nothing else."""
    written = example.schedule(5, 3)
    judgement = judge(SimulatedWorld(REFERENCE).carry_out(written))
    assert not judgement.broke
    assert not judgement.invalid
    assert not [name for name, finding in judgement.findings.items() if finding.breaches]
    assert all(judgement.findings[name].held for name in example.requirements)


def test_values_are_read_back_and_contexts_handed_on() -> None:
    """A Put without waiting and one that needs its context come in their order."""
    history = carried_out(
        Put(id=1, node="n1", key="a", value="one", wait=False),
        Put(id=2, node="n2", key="a", value="two", context=1),
        Get(id=3, node="n3", key="a"),
        Delete(id=4, node="n1", key="a", context=3),
        Get(id=5, node="n2", key="a"),
        Settle(),
    )
    assert ends(history)[3].values == ("two",)
    assert ends(history)[5].values == ()
    assert of(history, Converged)
    assert history.footer is not None
    assert history.footer.draws > 0


def test_an_operation_without_its_context_is_skipped() -> None:
    """As in the live world."""
    history = carried_out(
        Kill(("n1",)),
        Put(id=1, node="n1", key="a", value="one"),
        Delete(id=2, node="n2", key="a", context=1),
    )
    assert ends(history)[1].code == "UNAVAILABLE"
    assert [event.operation for event in of(history, Skipped)] == [2]


def test_faults_are_told_with_their_end() -> None:
    """A node that is cut off acknowledges nothing, and a settle heals what the schedule forgot."""
    history = carried_out(
        Inject(id=1, fault=Isolate("drop", "n1")),
        Elapse(detections=1.5),
        Put(id=1, node="n1", key="a", value="one"),
        Inject(id=2, fault=Split("stall", ("n2",), ("n3",))),
        Heal(id=1),
        Settle(),
    )
    assert ends(history)[1].code == "UNAVAILABLE"
    assert [event.fault_id for event in of(history, FaultBegan)] == [1, 2]
    assert [event.fault_id for event in of(history, FaultEnded)] == [1, 2]


def test_nodes_die_and_come_back() -> None:
    """By name, all at once, and half-way through what they do."""
    history = carried_out(
        Kill(("n1", "n2")),
        Restart(("n1",)),
        CrashAfter(node="n3", effects=1),
        Put(id=1, node="n3", key="a", value="one", wait=False),
        Await(),
        Settle(),
    )
    assert [event.node for event in of(history, NodeDown)] == ["n1", "n2", "n3"]
    assert [event.node for event in of(history, NodeUp)] == ["n1", "n2", "n3"]


def test_disks_are_lost_and_rolled_back() -> None:
    """What one node lost the others bring back; a roll-back without a copy is none."""
    history = carried_out(
        Put(id=1, node="n1", key="a", value="one", w=3),
        RollBack(("n1",)),
        Backup(("n2",)),
        Put(id=2, node="n1", key="a", value="two", w=2),
        RollBack(("n2",)),
        Settle(),
        Wipe(("n3",)),
        Observe(),
        Settle(),
        Get(id=3, node="n3", key="a", r=3),
    )
    assert [(event.node, event.how) for event in of(history, DiskLost)] == [("n2", "rolled back"), ("n3", "wiped")]
    assert set(ends(history)[3].values) == {"one", "two"}
    looks = [event for event in of(history, Observation) if event.why == "observe"]
    assert set(looks[0].nodes) == {"n1", "n2"}


def test_no_copy_older_than_a_tombstone_comes_back() -> None:
    """What the target declares is kept to: a disk is put back within the lifetime, and left alone after it."""
    steps = (Put(id=1, node="n1", key="a", value="one", w=3), Backup(("n1", "n2")), Elapse(seconds=4.0))
    later = (RollBack(("n1",)), Restart(("n1",)), Elapse(seconds=2.0), RollBack(("n2",)), Settle())
    history = carried_out(*steps, *later, tombstone_lifetime_ms=5_000)
    assert {each.tombstone_lifetime_ms for each in history.header.nodes.values()} == {5_000}
    assert [event.node for event in of(history, DiskLost)] == ["n1"]
    assert [event.node for event in of(history, NodeDown)] == ["n1"]
    [note] = [event.text for event in of(history, Note) if event.node == "n2"]
    assert note.startswith("n2 keeps its disk: the copy of it is 6.")
    # Who keeps tombstones for ever takes any copy back.
    assert [event.node for event in of(carried_out(*steps, *later), DiskLost)] == ["n1", "n2"]


def test_a_failing_disk_a_skewed_clock_and_lost_messages_are_borne() -> None:
    """All of them together, and all is well after the settle."""
    history = carried_out(
        Inject(id=1, fault=DiskErrors(node="n1")),
        Inject(id=2, fault=ClockSkew(node="n2", rate=2.0, jump_ms=60_000)),
        Inject(id=3, fault=MessageFault(action="lose", kind="write", answers=True, every=3)),
        Put(id=1, node="n1", key="a", value="one"),
        Put(id=2, node="n2", key="a", value="two"),
        Settle(),
        Get(id=3, node="n3", key="a"),
    )
    judgement = judge(history)
    assert not [name for name, finding in judgement.findings.items() if finding.breaches]
    assert "two" in ends(history)[3].values


def test_what_a_live_world_cannot_do_is_known() -> None:
    """The first such step, in a few words."""
    assert beyond_live(schedule(Put(id=1, node="n1", key="a", value="one"), Kill(("n1",)), Settle())) == ""
    assert beyond_live(schedule(Backup(("n1",)), Wipe(("n1", "n2")), RollBack(("n1",)))) == ""
    assert beyond_live(schedule(CrashAfter(node="n1", effects=2))) == "n1 dying between two effects"
    fault = MessageFault(action="delay", kind="handoff", every=3, delay_ms=60)
    assert beyond_live(schedule(Inject(id=1, fault=fault))) == "one in 3 handoff messages late (+60 ms)"


def test_the_seed_decides_and_nothing_else(tmp_path: Path) -> None:
    """Twice the same is the same file; another seed is another history."""
    world = SimulatedWorld(REFERENCE)
    steps = (Put(id=1, node="n1", key="a", value="one"), Kill(("n1",)), Settle())
    paths = [tmp_path / name for name in ("first", "second", "other")]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        world.carry_out(schedule(*steps, seed=seed), path)
    first, second, other = (path.read_bytes() for path in paths)
    assert first == second
    assert first != other
    assert read_history(paths[0]).header.core == REFERENCE


def test_histories_do_not_depend_on_the_process_nor_on_the_order_of_sets(tmp_path: Path) -> None:
    """Other processes, other PYTHONHASHSEEDs, the same bytes."""
    program = (
        "import sys, pathlib\n"
        "from ringcheck.exploring.trial import Trials\n"
        f"trials = Trials({REFERENCE!r})\n"
        "for seed in range(3, 9):\n"
        "    path = pathlib.Path(sys.argv[1]) / f'{seed}.jsonl'\n"
        "    trials.carry_out(trials.source.draw(seed), seed, path)\n"
    )
    found = []
    for hash_seed in ("0", "1", "77"):
        folder = tmp_path / hash_seed
        folder.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        subprocess.run([sys.executable, "-c", program, str(folder)], check=True, env=environment)
        found.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 6


class FailingKit:
    """A kit whose nodes fail when they are asked to put."""

    disk = "transactions"

    def __init__(self) -> None:
        import ringcheck_reference.simulated as reference

        self.describe = reference.describe
        self._start = reference.start

    def start(self, *arguments: Any, **named: Any) -> Any:
        """The reference, but for its Put."""
        core: Any = self._start(*arguments, **named)

        def put(*_: object) -> None:
            raise ZeroDivisionError("no more room")

        core.put = put
        return core


def test_a_core_that_raises_ends_the_history(tmp_path: Path) -> None:
    """With the reason, and where it was; what happened before is kept."""
    path = tmp_path / "history.jsonl"
    world = SimulatedWorld(FailingKit(), name="failing")  # type: ignore[arg-type]
    world.carry_out(schedule(Get(id=1, node="n1", key="a"), Put(id=2, node="n1", key="a", value="one")), path)
    history = read_history(path)
    (broke,) = of(history, Broke)
    assert broke.reason == "The core of n1 failed: ZeroDivisionError: no more room"
    assert "in put" in of(history, Note)[0].text
    assert judge(history).broke == broke.reason


def test_what_makes_no_sense_is_told() -> None:
    """A schedule beyond the core's limits, and a name that leads nowhere."""
    with pytest.raises(UsageError, match="no_such_core cannot be imported"):
        SimulatedWorld("no_such_core")
    too_long = schedule(Put(id=1, node="n1", key="k" * 2000, key_size="limit", value="one"))
    with pytest.raises(TargetError, match="limits are too small for the schedule tried"):
        SimulatedWorld(REFERENCE).carry_out(too_long)


def test_a_disturbed_node_has_messages_twice_and_late_until_the_settle() -> None:
    """Nobody can make a core's messages, so those of its peers suffer; PEER-02 counts them."""
    history = carried_out(
        Kill(("n3",)),
        Disturb(node="n1", source="n3"),
        Put(id=1, node="n1", key="a", value="one", as_peer="n3"),
        Put(id=2, node="n2", key="a", value="two", context=1),
        Elapse(seconds=1.0),
        Settle(),
    )
    began = [event for event in history.events if isinstance(event, FaultBegan)]
    ended = [event for event in history.events if isinstance(event, FaultEnded)]
    assert [event.fault for event in began] == [
        MessageFault(action="repeat", delay_ms=60, target="n1"),
        MessageFault(action="delay", every=3, delay_ms=25, target="n1"),
    ]
    suffered = sum(event.messages for event in ended)
    assert all(event.messages for event in ended)
    found = judge(history).findings["PEER-02"]
    assert (found.held, found.breaches) == (suffered, ())


def test_a_fault_of_messages_says_how_many_have_suffered() -> None:
    """Of those that are lost as well; a fault of links counts none."""
    history = carried_out(
        Inject(id=1, fault=MessageFault(action="lose", every=2)),
        Inject(id=2, fault=Isolate(how="down", node="n3")),
        Elapse(seconds=2.0),
        Settle(),
    )
    messages = {event.fault_id: event.messages for event in history.events if isinstance(event, FaultEnded)}
    assert messages[1] > 0
    assert messages[2] == 0
