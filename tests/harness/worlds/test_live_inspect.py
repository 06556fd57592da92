"""The live world on nodes that can be looked into: the reference, started by its command like anyone's."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ringcheck.history import (
    Converged,
    DiskLost,
    Diverged,
    Event,
    History,
    Invoke,
    NodeDown,
    NodeSeen,
    NodeUp,
    Note,
    Observation,
)
from ringcheck.judging import judge
from ringcheck.quiet import owners_seen, states_of
from ringcheck.schedule import (
    Backup,
    Configuration,
    Elapse,
    Get,
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
)
from ringcheck.target import Target
from ringcheck.worlds.live import LiveWorld
from ringcheck_chaos.faults import Isolate

pytestmark = pytest.mark.slow

QUICK = Configuration(nodes=4, n=3, r=2, w=2, request_timeout_ms=2_000, replica_timeout_ms=150)
HOUR_MS = 3_600_000
KEYS = "abcdef"


@pytest.fixture(scope="module")
def world() -> Iterator[LiveWorld]:
    """One world, which keeps or drops its cluster as it sees fit."""
    with LiveWorld(Target.from_command(), toxiproxy="embedded") as world:
        yield world


def plan(name: str, *steps: Step, configuration: Configuration = QUICK) -> Schedule:
    """A schedule with these steps, on keys of its own."""
    return Schedule(name=name, namespace=name, configuration=configuration, steps=steps)


def puts(node: str, first: int = 1) -> list[Put]:
    """A Put of every key through one node."""
    return [Put(id=first + number, node=node, key=key, value=f"v{first + number}") for number, key in enumerate(KEYS)]


def observations(history: History, why: str) -> list[Observation]:
    """The observations that were made for this reason."""
    return [event for event in history.events if isinstance(event, Observation) and event.why == why]


def only(history: History, kind: type[Event]) -> Event:
    """The one event of this kind."""
    [event] = [event for event in history.events if isinstance(event, kind)]
    return event


def test_converged_cluster_is_seen_twice_before_the_final_reads(world: LiveWorld, tmp_path: Path) -> None:
    """A Settle ends with two quiet looks one request time-out apart, and only then reads, since reads repair."""
    history = world.carry_out(plan("settle", *puts("n1"), Settle()), tmp_path / "h.jsonl")
    [start], [converged], [held] = (observations(history, why) for why in ("start", "converged", "held"))
    settled = only(history, Converged)
    assert isinstance(settled, Converged)
    assert settled.by == "inspect"
    assert held.began - converged.time >= QUICK.request_timeout_ms / 1000
    assert all(event.time >= settled.time for event in history.events if isinstance(event, Invoke) and event.final)
    for seen in (start, converged, held):
        assert set(seen.nodes) == set(QUICK.node_ids)
        assert set(seen.partitions) == set(KEYS)
        assert all(set(node.preference_lists) == set(KEYS) for node in seen.nodes.values())
    for node in held.nodes.values():
        assert node.counters is not None
        assert {replica.root for replica in node.replicas} >= {replica.scan_root for replica in node.replicas}
        assert all(replica.root == replica.scan_root == replica.computed_root for replica in node.replicas)
    for number, key in enumerate(KEYS, start=1):
        names = owners_seen(held)[held.partitions[key]]
        assert [len(states_of(held, key)), len(set(states_of(held, key)))] == [3, 1]
        entries = [entry for replica in held.nodes[names[0]].replicas for entry in replica.entries]
        assert next(each.values for each in entries if each.key == key) == (f"v{number}",)


def test_hints_are_seen_until_their_target_is_back(world: LiveWorld, tmp_path: Path) -> None:
    """An Observe waits for a hint for the node it names; after the Settle nobody holds one."""
    history = world.carry_out(
        plan(
            "hints",
            Kill(nodes=("n4",)),
            Elapse(detections=1.2),
            *puts("n1"),
            Observe(until="hint", node="n4"),
            Restart(nodes=("n4",)),
            Settle(),
        ),
        tmp_path / "h.jsonl",
    )
    [seen] = observations(history, "observe")
    assert (seen.met, seen.condition) == (True, "hint")
    assert "n4" not in seen.nodes
    assert "n4" in {hint.target for node in seen.nodes.values() for hint in node.hints}
    [held] = observations(history, "held")
    assert [node.hints for node in held.nodes.values()] == [()] * 4


def test_cluster_that_does_not_converge_is_told_with_partition_replicas_and_key(
    world: LiveWorld, tmp_path: Path
) -> None:
    """Without handoff and anti-entropy a stale home stays stale: Diverged names it, and the reads follow still."""
    lame = msgspec.structs.replace(
        QUICK,
        nodes=3,
        handoff_interval_ms=HOUR_MS,
        anti_entropy_interval_ms=HOUR_MS,
        convergence_deadline_ms=1500,
    )
    history = world.carry_out(
        plan(
            "lame",
            Inject(id=1, fault=Isolate(how="down", node="n3")),
            Elapse(detections=1.2),
            Put(id=1, node="n1", key="a", value="one"),
            Observe(until="differ", key="a"),
            Settle(),
            configuration=lame,
        ),
        tmp_path / "h.jsonl",
    )
    [seen] = observations(history, "observe")
    assert seen.met
    diverged = only(history, Diverged)
    assert isinstance(diverged, Diverged)
    assert any("n3" in reason and "key 'a'" in reason for reason in diverged.reasons)
    assert diverged.time - diverged.healed >= 1.5
    assert len(observations(history, "diverged")) == 1
    assert len([event for event in history.events if isinstance(event, Invoke) and event.final]) == 3


EVERYWHERE = msgspec.structs.replace(
    QUICK, nodes=3, handoff_interval_ms=HOUR_MS, anti_entropy_interval_ms=HOUR_MS, convergence_deadline_ms=1500
)
"""Every node holds everything, and what one has missed it never hears of."""


def held_by(node: NodeSeen) -> set[str]:
    """The keys of which a node holds a replica."""
    return {entry.key for replica in node.replicas for entry in replica.entries}


def test_disks_are_copied_put_back_and_lost(world: LiveWorld, tmp_path: Path) -> None:
    """A node comes back with what its disk held when it was copied, once; another with nothing; both were killed."""
    steps = (
        RollBack(("n1",)),  # of what there is no copy is left alone
        Put(id=1, node="n1", key="a", value="one", w=3),
        Backup(("n1", "n2")),
        Put(id=2, node="n1", key="b", value="two", w=3),
        RollBack(("n1",)),
        Restart(("n1",)),
        Observe(),
        RollBack(("n1",)),  # it has been put back already
        Kill(("n3",)),
        Wipe(("n2", "n3")),
        RollBack(("n2",)),  # the copy went with the disk
        Restart(("n2", "n3")),
        Observe(),
    )
    history = world.carry_out(plan("disks", *steps, configuration=EVERYWHERE), tmp_path / "h.jsonl")
    told = [
        (type(event), event.node) for event in history.events if isinstance(event, NodeDown | NodeUp | DiskLost | Note)
    ]
    assert [(kind, node) for kind, node in told if kind is not Note][:3] == [
        (NodeDown, "n1"),
        (DiskLost, "n1"),
        (NodeUp, "n1"),
    ]
    assert [node for kind, node in told if kind is NodeDown] == ["n1", "n3", "n2"]
    lost = [event for event in history.events if isinstance(event, DiskLost)]
    assert [(each.node, each.how) for each in lost] == [("n1", "rolled back"), ("n2", "wiped"), ("n3", "wiped")]
    [copied] = [event.text for event in history.events if isinstance(event, Note) and "n1 was copied" in event.text]
    assert copied.startswith("The disk of n1 was copied, which stood still for ")
    after_the_roll_back, after_the_wipe = observations(history, "observe")
    assert {name: held_by(node) for name, node in after_the_roll_back.nodes.items()} == {
        "n1": {"a"},
        "n2": {"a", "b"},
        "n3": {"a", "b"},
    }
    assert {name: held_by(node) for name, node in after_the_wipe.nodes.items()} == {
        "n1": {"a"},
        "n2": set(),
        "n3": set(),
    }


def test_no_copy_older_than_a_tombstone_comes_back(world: LiveWorld, tmp_path: Path) -> None:
    """What the target declares is kept to: an older copy of a disk is left where it is, and the node goes on."""
    configuration = msgspec.structs.replace(EVERYWHERE, tombstone_lifetime_ms=50)
    steps = (Backup(("n1",)), Elapse(seconds=0.06), RollBack(("n1",)), Get(id=1, node="n1", key="a"))
    history = world.carry_out(plan("old-disk", *steps, configuration=configuration), tmp_path / "h.jsonl")
    assert not [event for event in history.events if isinstance(event, DiskLost | NodeDown)]
    notes = [event.text for event in history.events if isinstance(event, Note) and event.node == "n1"]
    assert any(text.startswith("n1 keeps its disk: the copy of it is 0.") for text in notes), notes
    assert {each.tombstone_lifetime_ms for each in history.header.nodes.values()} == {50}


def test_a_copy_is_not_for_the_next_schedule(world: LiveWorld, tmp_path: Path) -> None:
    """Its cluster is used again, and what was copied then is nothing that could come back now."""
    quick = msgspec.structs.replace(QUICK, nodes=3)
    steps: dict[str, Step] = {"copy": Backup(("n1",)), "put-back": RollBack(("n1",))}
    for name, step in steps.items():
        put = Put(id=1, node="n1", key="a", value="one", w=3)
        history = world.carry_out(plan(name, put, step, Settle(), configuration=quick), tmp_path / "h.jsonl")
        assert isinstance(only(history, Converged), Converged)
    assert not [event for event in history.events if isinstance(event, NodeDown | DiskLost)]


def test_a_node_that_is_not_rebuilt_is_told(world: LiveWorld, tmp_path: Path) -> None:
    """AE-04 on real processes: without anti-entropy the empty node stays empty, and is accused of it."""
    steps: tuple[Step, ...] = (
        *[Put(id=number, node="n1", key=key, value=f"v{number}", w=3) for number, key in enumerate(KEYS, start=1)],
        Wipe(("n2",)),
        Settle(),
    )
    history = world.carry_out(plan("rebuilt", *steps, configuration=EVERYWHERE), tmp_path / "h.jsonl")
    [breach] = judge(history).findings["AE-04"].breaches
    assert "n2 lacked" in breach.actual
