"""Membership changes on real processes: the reference, started by its command like anyone's."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringcheck.history import (
    Change,
    ChangeDone,
    Converged,
    History,
    Invoke,
    NodeDown,
    NodeUp,
    Note,
    Observation,
    Retired,
)
from ringcheck.history_file import read_history
from ringcheck.judging import judge
from ringcheck.schedule import (
    Await,
    Configuration,
    Get,
    Heal,
    Inject,
    Join,
    Kill,
    Leave,
    Put,
    Remove,
    Restart,
    Retire,
    Schedule,
    Settle,
    Step,
)
from ringcheck.target import Target
from ringcheck.worlds.live import LiveWorld
from ringcheck_chaos.faults import CLIENT, Isolate, LinkFault

pytestmark = pytest.mark.slow

NODES = Path(__file__).parents[2] / "nodes"
CONFIGURATION = Configuration(nodes=3, n=2, r=1, w=2, request_timeout_ms=1_000, replica_timeout_ms=150)
KEYS = tuple(f"k{number}" for number in range(1, 17))
PUTS = tuple(Put(id=number, node="n2", key=key, value=f"v{number}") for number, key in enumerate(KEYS, start=1))


@pytest.fixture(scope="module")
def world() -> Iterator[LiveWorld]:
    """One world, which starts a cluster for each of these schedules."""
    with LiveWorld(Target.from_command(), toxiproxy="embedded") as world:
        yield world


def plan(name: str, *steps: Step) -> Schedule:
    """A schedule with these steps, on keys of its own."""
    return Schedule(name=name, namespace=name, configuration=CONFIGURATION, steps=steps)


def of(history: History, kind: type) -> list[Any]:
    """The events of one kind."""
    return [event for event in history.events if isinstance(event, kind)]


def standing(history: History) -> list[tuple[str, str]]:
    """What became of nodes and changes, in order: (what, who)."""
    words = {NodeUp: "up", NodeDown: "down", Change: "change", Retired: "retired"}
    return [
        (words[type(event)], event.node)
        for event in history.events
        if isinstance(event, NodeUp | NodeDown | Change | Retired)
    ]


def final_readers(history: History) -> set[str]:
    """Where the final reads were made."""
    return {event.node for event in of(history, Invoke) if event.final}


def breaches(history: History) -> dict[str, int]:
    """What is broken, and how often."""
    return {name: len(found.breaches) for name, found in judge(history).findings.items() if found.breaches}


def test_a_node_joins_another_leaves_and_is_retired(world: LiveWorld, tmp_path: Path) -> None:
    """Under writes; each time all is handed over, nothing is lost, and who is retired stays down."""
    steps: tuple[Step, ...] = (
        *PUTS,
        Join(node="n4", weight=2, wait=False),
        *[Put(id=100 + put.id, node="n3", key=put.key, value=f"w{put.id}", context=put.id, wait=False) for put in PUTS],
        Await(),
        Settle(),
        Leave(node="n1"),
        *[Get(id=200 + put.id, node="n4", key=put.key) for put in PUTS],
        Kill(("n1",)),
        Settle(),
        Retire(("n1",)),
        Restart(("n1",)),
        Settle(),
    )
    history = world.carry_out(plan("join-leave", *steps), tmp_path / "h.jsonl")
    assert read_history(tmp_path / "h.jsonl") == history
    assert standing(history) == [
        ("up", "n4"),
        ("change", "n4"),
        ("change", "n1"),
        ("down", "n1"),
        ("up", "n1"),
        ("down", "n1"),
        ("retired", "n1"),
    ]
    assert [event.through for event in of(history, Change)] == ["n1", "n2"]
    assert [event.code for event in of(history, ChangeDone)] == ["OK", "OK"]
    assert of(history, NodeUp)[0].description.node_id == "n4"
    assert set(history.header.nodes) == {"n1", "n2", "n3"}
    assert len(of(history, Converged)) == 3
    held = [seen for seen in of(history, Observation) if seen.why == "held"]
    assert [sorted(seen.nodes) for seen in held] == [
        ["n1", "n2", "n3", "n4"],
        ["n1", "n2", "n3", "n4"],
        ["n2", "n3", "n4"],
    ]
    first, second, _ = ({name: node.members for name, node in seen.nodes.items()} for seen in held)
    assert set(first.values()) == {("n1", "n2", "n3", "n4")}
    assert set(second.values()) == {("n2", "n3", "n4")}
    assert {name for name, node in held[1].nodes.items() if any(each.entries for each in node.replicas)} == {
        "n2",
        "n3",
        "n4",
    }
    assert held[0].nodes["n2"].weights["n4"] == 2
    assert final_readers(history) == {"n1", "n2", "n3", "n4"}
    assert breaches(history) == {}


def test_a_node_joins_when_all_that_the_configuration_names_are_gone(world: LiveWorld, tmp_path: Path) -> None:
    """It hears of the others from the members of its day, though the one that was asked for it was down."""
    alone = Configuration(nodes=1, n=1, r=1, w=1, request_timeout_ms=1_000, replica_timeout_ms=150)
    steps: tuple[Step, ...] = (
        Join(node="n2"),
        Leave(node="n1", through="n1"),
        Retire(("n1",)),
        Kill(("n2",)),
        Join(node="n4", through="n2"),
        Settle(),
        Join(node="n4", through="n2"),
        Settle(),
    )
    schedule = Schedule(name="heirs", namespace="heirs", configuration=alone, steps=steps)
    history = world.carry_out(schedule, tmp_path / "h.jsonl")
    assert [event.code for event in of(history, ChangeDone)] == ["OK", "OK", "UNAVAILABLE", "OK"]
    assert len(of(history, Converged)) == 2
    assert breaches(history) == {}


def test_a_dead_node_is_removed(world: LiveWorld, tmp_path: Path) -> None:
    """Nobody starts it again or waits for it; others cannot be removed below N hosts, and a stranger not at all."""
    steps: tuple[Step, ...] = (
        *PUTS,
        Kill(("n3",)),
        Remove(node="n3"),
        Restart(("n3",)),
        Settle(),
        Leave(node="n2"),
        Leave(node="n9"),
        Settle(),
    )
    history = world.carry_out(plan("remove", *steps), tmp_path / "h.jsonl")
    assert [event.code for event in of(history, ChangeDone)] == ["OK", "FAILED_PRECONDITION", "NOT_FOUND"]
    assert standing(history) == [("down", "n3"), ("change", "n3"), ("change", "n2"), ("change", "n9")]
    assert len(of(history, Converged)) == 2
    assert final_readers(history) == {"n1", "n2"}
    assert breaches(history) == {}


def test_what_members_show_decides_where_an_answer_does_not(world: LiveWorld, tmp_path: Path) -> None:
    """A removal asked of a node that is cut off is not acknowledged; healed, all hear of it, and nobody is missed."""
    steps: tuple[Step, ...] = (
        *PUTS,
        Kill(("n3",)),
        Inject(id=1, fault=Isolate(how="down", node="n1")),
        Remove(node="n3", through="n1"),
        Heal(id=1),
        Settle(),
    )
    history = world.carry_out(plan("doubtful", *steps), tmp_path / "h.jsonl")
    assert [event.code for event in of(history, ChangeDone)] == ["UNAVAILABLE"]
    assert standing(history) == [("down", "n3"), ("change", "n3")]
    assert len(of(history, Converged)) == 1
    assert final_readers(history) == {"n1", "n2"}


def test_a_joiner_that_clients_do_not_reach_joins_all_the_same(world: LiveWorld, tmp_path: Path) -> None:
    """Operators go past every proxy; what clients send in the meantime fails, and before it was started too."""
    steps: tuple[Step, ...] = (
        Get(id=1, node="n4", key="a"),
        Inject(id=1, fault=LinkFault(how="down", source=CLIENT, target="n4")),
        Join(node="n4"),
        Get(id=2, node="n4", key="a"),
        Heal(id=1),
        Get(id=3, node="n4", key="a"),
        Settle(),
    )
    history = world.carry_out(plan("unreached", *steps), tmp_path / "h.jsonl")
    ends = [type(event).__name__ for event in history.events if getattr(event, "operation", 9) in (1, 2, 3)]
    assert ends == ["Invoke", "Info", "Invoke", "Info", "Invoke", "Ok"]
    assert [event.code for event in of(history, ChangeDone)] == ["OK"]
    assert len(of(history, Converged)) == 1


def test_nodes_without_the_profile_are_not_asked(tmp_path: Path) -> None:
    """Nobody joins, leaves or is stopped; the history says why, and all else goes on."""
    target = Target.from_command([sys.executable, str(NODES / "foreign.py"), "{config}"])
    quick = Configuration(nodes=2, n=2, r=2, w=2, anti_entropy_interval_ms=100, detection_deadline_ms=400)
    steps: tuple[Step, ...] = (Join(node="n3"), Leave(node="n1"), Retire(("n1",)), Get(id=1, node="n1", key="a"))
    schedule = Schedule(name="none", namespace="none", configuration=quick, steps=steps)
    with LiveWorld(target, toxiproxy="embedded") as world:
        history = world.carry_out(schedule, tmp_path / "h.jsonl")
    assert standing(history) == []
    assert [note.text.split(",")[0].split(":")[0] for note in of(history, Note)][:3] == [
        *["The nodes do not declare the profile membership"] * 2,
        "Nobody was retired",
    ]
