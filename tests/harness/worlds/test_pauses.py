"""Paused nodes, in the simulated world and in the live one."""

import sys
from pathlib import Path

import pytest
from tests.harness.worlds.test_live import NODES, ended, events_of, plan
from tests.harness.worlds.test_simulated import carried_out, ends, of

from ringcheck.history import (
    Converged,
    Event,
    FaultBegan,
    FaultEnded,
    Info,
    NodeDown,
    Note,
    Observation,
    Ok,
    SettleBegan,
)
from ringcheck.judging import judge
from ringcheck.schedule import (
    Await,
    Backup,
    CrashAfter,
    Elapse,
    Get,
    Heal,
    Inject,
    Kill,
    Observe,
    Put,
    Restart,
    Settle,
)
from ringcheck.target import Target
from ringcheck.worlds.live import LiveWorld
from ringcheck_chaos.faults import Pause


@pytest.mark.parametrize("seed", range(10))
def test_a_paused_node_answers_nobody_and_then_goes_on_with_what_came_in(seed: int) -> None:
    """What it was asked waits, its look is missing, its replica gets the write late; its clock has run on."""
    history = carried_out(
        Inject(id=1, fault=Pause("n1")),
        Put(id=1, node="n2", key="a", value="one"),
        Put(id=2, node="n1", key="b", value="two", wait=False),
        Observe(),
        Elapse(seconds=0.4),
        Heal(id=1),
        Await(),
        Inject(id=2, fault=Pause("n1")),
        Get(id=3, node="n1", key="a"),
        Settle(),
        seed=seed,
    )
    [began, again], [ended, healed] = of(history, FaultBegan), of(history, FaultEnded)
    assert (began.fault, began.bit, ended.fault_id, healed.fault_id) == (Pause("n1"), True, 1, 2)
    [look] = [event for event in of(history, Observation) if event.why == "observe"]
    assert set(look.nodes) == {"n2", "n3"}
    assert isinstance(ends(history)[1], Ok)
    assert isinstance(ends(history)[2], Ok)
    assert ended.time < ends(history)[2].time <= again.time
    assert ends(history)[3].code == "DEADLINE_EXCEEDED"
    assert of(history, SettleBegan)[0].time <= healed.time
    assert of(history, Converged)
    judgement = judge(history)
    assert not [name for name, finding in judgement.findings.items() if finding.breaches]


def test_timers_of_a_paused_node_wait() -> None:
    """A node alone that could only give up by itself says nothing until it goes on, and then that it gave up."""
    history = carried_out(
        Kill(("n2", "n3")),
        Elapse(detections=1.5),
        Put(id=1, node="n1", key="a", value="one", w=2, wait=False),
        Inject(id=1, fault=Pause("n1")),
        Elapse(seconds=2.5),
        Heal(id=1),
        Await(),
        Settle(),
    )
    [healed] = of(history, FaultEnded)
    assert ends(history)[1].code == "UNAVAILABLE"
    assert healed.time <= ends(history)[1].time < healed.time + 0.1


def test_a_pause_ends_with_its_node_and_with_the_last_that_asked_for_it() -> None:
    """A node that dies is paused no more, one that is down is not paused, and two pauses are one that is longer."""
    history = carried_out(
        Inject(id=1, fault=Pause("n1")),
        Kill(("n1",)),
        Inject(id=2, fault=Pause("n1")),
        Restart(("n1",)),
        Elapse(detections=1.5),
        Get(id=1, node="n1", key="a"),
        Inject(id=3, fault=Pause("n2")),
        Inject(id=4, fault=Pause("n2")),
        Heal(id=3),
        Get(id=2, node="n2", key="a"),
        Heal(id=4),
        Heal(id=4),
        Elapse(detections=1.5),
        Get(id=3, node="n2", key="a"),
        Settle(),
    )
    assert [event.fault_id for event in of(history, FaultBegan)] == [1, 3, 4]
    assert [event.fault_id for event in of(history, FaultEnded)] == [1, 3, 4]
    assert [event.text for event in of(history, Note)] == ["n1 does not run, so it was not paused."]
    assert isinstance(ends(history)[1], Ok)
    assert isinstance(ends(history)[2], Info)
    assert isinstance(ends(history)[3], Ok)


def test_a_paused_node_that_is_to_die_between_two_effects_dies_when_it_goes_on() -> None:
    """And what else had come in is lost with it."""
    history = carried_out(
        Inject(id=1, fault=Pause("n1")),
        CrashAfter(node="n1", effects=1),
        Put(id=1, node="n1", key="a", value="one", wait=False),
        Put(id=2, node="n1", key="b", value="two", wait=False),
        Elapse(seconds=0.5),
        Heal(id=1),
        Await(),
        Settle(),
    )
    [down], [healed] = of(history, NodeDown), of(history, FaultEnded)
    assert down.time == healed.time
    assert {ends(history)[1].code, ends(history)[2].code} == {"UNAVAILABLE"}
    assert of(history, Converged)


def states(process: int) -> set[str]:
    """The kernel's letters for the states of all threads of a process; empty when it is gone."""
    return {thread.read_text().rpartition(")")[2].split()[0] for thread in Path(f"/proc/{process}").glob("task/*/stat")}


@pytest.mark.slow
def test_paused_nodes_stand_still_and_go_on_and_none_outlives_its_run(tmp_path: Path) -> None:
    """A pause is seen in the kernel, lasts through a look and a copy of the disk, and ends by healing, death, Settle.

    At the end of this run one is paused still: it is gone all the same.
    """
    target = Target.from_command([sys.executable, str(NODES / "foreign.py"), "{config}"])
    seen: list[tuple[str, set[str]]] = []
    with LiveWorld(target, toxiproxy="embedded") as world:

        def pid(name: str) -> int:
            assert world._cluster is not None
            found = world._cluster.nodes[name].process.pid
            assert found is not None
            return found

        def look(event: Event) -> None:
            if isinstance(event, FaultBegan | FaultEnded | Observation | Info):
                seen.append((type(event).__name__, states(pid("n1"))))
            if isinstance(event, FaultBegan):
                pids.append(pid("n1"))

        pids: list[int] = []
        world._on_event = look
        history = world.carry_out(
            plan(
                "paused",
                Inject(id=1, fault=Pause("n1")),
                Put(id=1, node="n2", key="a", value="one"),
                Put(id=2, node="n1", key="b", value="two"),
                Backup(("n1",)),
                Observe(),
                Heal(id=1),
                Elapse(seconds=0.5),
                Put(id=3, node="n1", key="c", value="three", w=3),
                Inject(id=2, fault=Pause("n1")),
                Kill(("n1",)),
                Inject(id=3, fault=Pause("n1")),
                Restart(("n1",)),
                Elapse(seconds=0.5),
                Put(id=4, node="n2", key="d", value="four", w=3),
                Inject(id=4, fault=Pause("n1")),
                Settle(),
                Inject(id=5, fault=Pause("n1")),
            ),
            tmp_path / "h.jsonl",
        )
        assert {state for process in pids for state in states(process)} == set()
    began = [each for each in history.events if isinstance(each, FaultBegan)]
    ends = [each for each in history.events if isinstance(each, FaultEnded)]
    assert [(each.fault_id, each.bit) for each in began] == [(1, True), (2, True), (4, True), (5, True)]
    assert [(each.fault_id, each.bit) for each in ends] == [(1, True), (2, True), (4, True)]
    assert [kind for kind, found in seen if found == {"T"}] == [
        "FaultBegan", "Info", "Observation", "FaultBegan", "FaultBegan", "FaultBegan"
    ]  # fmt: skip
    [look_while_paused] = [each for each in history.events if isinstance(each, Observation) and each.why == "observe"]
    assert not {"n1"} & look_while_paused.nodes.keys()
    assert [type(ended(history, number)) for number in (1, 2, 3, 4)] == [Ok, Info, Ok, Ok]
    assert "n1 does not run, so it was not paused." in [each.text for each in history.events if isinstance(each, Note)]
    assert events_of(history, Converged)
