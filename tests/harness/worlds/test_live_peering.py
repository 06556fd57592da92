"""The live world with the harness among the peers, and with two implementations in one cluster."""

import sys
from pathlib import Path

import pytest

from ringcheck.history import Disturbed, Event, Fail, History, Info, Invoke, Note, Ok, Skipped
from ringcheck.judging import judge
from ringcheck.schedule import Configuration, Disturb, Get, Join, Kill, Put, Schedule, Settle, Step
from ringcheck.target import Target
from ringcheck.worlds.live import LiveWorld
from ringcheck.worlds.live.execution import UNDECLARED

NODES = Path(__file__).parents[2] / "nodes"
SMALL = Configuration(nodes=3, n=3, r=2, w=2, replica_timeout_ms=150)
TWO_KINDS = Configuration(nodes=2, n=2, r=1, w=2, mixed=True)


def carried_out(folder: Path, target: Target, *steps: Step, configuration: Configuration = SMALL) -> History:
    """The history of these steps on a cluster of its own."""
    schedule = Schedule(name="peers", namespace="peers", configuration=configuration, steps=steps)
    with LiveWorld(target, toxiproxy="embedded") as world:
        return world.carry_out(schedule, folder / "history.jsonl")


def foreign(name: str = "foreign") -> Target:
    """A node of another kind."""
    return Target.from_command([sys.executable, str(NODES / f"{name}.py"), "{config}"])


def of(history: History, kind: type[Event]) -> list[Event]:
    """All events of one kind."""
    return [event for event in history.events if isinstance(event, kind)]


@pytest.mark.slow
def test_the_harness_plays_a_member_that_is_down(tmp_path: Path) -> None:
    """A put that it forwards is one write, however often it was sent; what it says is counted, and the node goes on."""
    history = carried_out(
        tmp_path,
        Target.from_command(),
        Kill(("n3",)),
        Put(id=1, node="n1", key="a", value="one", as_peer="n3"),
        Get(id=2, node="n2", key="a"),
        Put(id=3, node="n1", key="b", value="two", context=None, as_peer="n3"),
        Disturb(node="n1", source="n3", seed=5),
        Disturb(node="n2", source="n3", seed=6),
        Settle(),
    )
    (ended,) = (event for event in history.events if isinstance(event, Ok) and event.operation == 2)
    assert ended.values == ("one",)
    first, second = (event for event in history.events if isinstance(event, Disturbed))
    for event in (first, second):
        assert (event.greeted, event.answered, event.serving, event.why) == (True, True, True, "")
        assert event.incarnation[0] == event.incarnation[1] != ""
        assert event.messages["states sent again"] >= 2
    assert first.messages["forwards sent again"] == 4
    assert "forwards sent again" not in second.messages
    assert judge(history).findings["PEER-02"].held >= sum(first.messages.values())
    assert "SIB-02" not in {name for name, finding in judge(history).findings.items() if finding.breaches}


@pytest.mark.slow
def test_a_node_that_is_down_is_not_greeted(tmp_path: Path) -> None:
    """The history says so, and nobody is accused of it."""
    history = carried_out(
        tmp_path,
        Target.from_command(),
        Kill(("n2", "n3")),
        Disturb(node="n2", source="n3"),
        Put(id=1, node="n2", key="a", value="one", as_peer="n3"),
    )
    (event,) = (event for event in history.events if isinstance(event, Disturbed))
    assert (event.greeted, event.serving) == (False, False)
    assert [event.operation for event in history.events if isinstance(event, Skipped)] == [1]
    assert not judge(history).findings["PEER-02"].breaches


def test_who_declares_no_peer_is_left_alone(tmp_path: Path) -> None:
    """A note instead of nonsense, and the put is skipped."""
    history = carried_out(
        tmp_path,
        foreign(),
        Put(id=1, node="n1", key="a", value="one", as_peer="n3"),
        Disturb(node="n1", source="n3"),
    )
    assert not of(history, Disturbed)
    (skipped,) = (event for event in history.events if isinstance(event, Skipped))
    assert "do not declare the profile peer" in skipped.reason
    assert any("Nobody was disturbed" in event.text for event in history.events if isinstance(event, Note))
    assert not of(history, Invoke)


def test_nothing_is_done_on_a_mixed_cluster_of_nodes_that_are_no_peers(tmp_path: Path) -> None:
    """Both kinds have been started and have said what they are; that is all."""
    history = carried_out(tmp_path, foreign(), Put(id=1, node="n1", key="a", value="one"), configuration=TWO_KINDS)
    kinds = {name: each.implementation for name, each in history.header.nodes.items()}
    assert kinds == {"n1": "foreign", "n2": "ringcheck-reference"}
    assert not of(history, Invoke)
    assert judge(history).findings == {}
    assert "peer" not in judge(history).profiles


def test_nobody_joins_a_mixed_cluster_of_nodes_that_do_not_know_how(tmp_path: Path) -> None:
    """They are peers, but of no profile for members; nothing is done, and nobody is accused of it."""
    steps = (Join(node="n3"), Put(id=1, node="n1", key="a", value="one"))
    history = carried_out(tmp_path, foreign("babbler"), *steps, configuration=TWO_KINDS)
    assert [event.text for event in history.events if isinstance(event, Note)] == [UNDECLARED.format("membership")]
    assert not of(history, Invoke)
    found = judge(history).findings["PEER-01"]
    assert (found.held, found.breaches) == (0, ())
    assert "no member came or went there: the target does not declare membership" in found.remarks


@pytest.mark.slow
def test_a_mixed_cluster_of_the_reference_conforms(tmp_path: Path) -> None:
    """It is a cluster of the same, and the finding says so."""
    history = carried_out(
        tmp_path,
        Target.from_command(),
        Put(id=1, node="n1", key="a", value="one"),
        Get(id=2, node="n2", key="a"),
        Settle(),
        configuration=TWO_KINDS,
    )
    assert not of(history, Fail) + of(history, Info)
    found = judge(history).findings["PEER-01"]
    assert found.held
    assert not found.breaches
    assert "a cluster of the same" in found.remarks[0]


@pytest.mark.slow
def test_a_liar_among_peers_is_found_out(tmp_path: Path) -> None:
    """Among its own kind it keeps its word; together with the reference it does not."""
    steps = (Put(id=1, node="n2", key="a", value="one"), Settle())
    history = carried_out(tmp_path, foreign("babbler"), *steps, configuration=TWO_KINDS)
    assert judge(history).findings["PEER-01"].breaches
