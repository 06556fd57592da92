"""Rows that a damaged disk shows: each is lost by itself, is told of once, and comes back from the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.effects import Damage, Effect, PutFact
from ringcheck_reference.core.events import Event, OwnerList, confirmed, joined, left
from ringcheck_reference.core.facts import MalformedFact, put_event, put_released, read_facts
from ringcheck_reference.core.messages import ClientDelete, ClientGet, ClientLeave, ClientPut

from .cluster import Cluster

KEYS = [b"k%02d" % number for number in range(30)]
EVENTS = (
    joined(Member("n1", 2, "host")),
    left("n2"),
    confirmed("n3", 5, OwnerList(4, b"d" * 32, ("n1", "n3"))),
)


def values(cluster: Cluster, name: str, key: bytes) -> tuple[bytes, ...]:
    """What a node answers."""
    return cluster.ask(name, ClientGet(key, 1)).values  # type: ignore[union-attr]  # a failure has none


def told(cluster: Cluster, name: str) -> list[Damage]:
    """Run a while, and give what damage the node tells of."""
    found: list[Damage] = []
    core = cluster.running[name].core
    receive, tick = core.receive, core.tick

    def note(effects: list[Effect]) -> list[Effect]:
        found.extend(effect for effect in effects if isinstance(effect, Damage))
        return effects

    core.receive = lambda *args: note(receive(*args))  # type: ignore[method-assign]
    core.tick = lambda *args: note(tick(*args))  # type: ignore[method-assign]
    return found


@pytest.mark.parametrize("torn", [b"", b"\0\0", b"\xff" * 40])
def test_torn_rows_of_the_replica_come_back_from_the_others(torn: bytes) -> None:
    """They are never served, stop nothing else, and anti-entropy mends them."""
    cluster = Cluster(3, n=3, r=1, w=3, partition_count=4)
    cluster.run_for(0.5)
    for key in KEYS:
        cluster.ask("n1", ClientPut(key, b"v"))
    cluster.settle()
    cluster.crash("n1")
    sound = dict(cluster.disks["n1"].replica)
    for key in KEYS[::2]:
        cluster.disks["n1"].replica[key] = torn or sound[key][:10]
    cluster.start("n1")
    damage = told(cluster, "n1")
    for key in KEYS[:4]:
        assert values(cluster, "n1", key) in ((b"v",), ())
    cluster.run_for(5.0)
    assert cluster.disks["n1"].replica == sound
    assert sorted(each.what for each in damage) == sorted(f"the key {key!r}" for key in KEYS[::2])
    assert all(values(cluster, "n1", key) == (b"v",) for key in KEYS)


def test_a_torn_row_that_nobody_else_holds_is_gone() -> None:
    """Tree, scan and reads agree that there is nothing; it can be written again, and deleted."""
    cluster = Cluster(1, n=1, r=1, w=1, partition_count=1)
    for key in KEYS[:3]:
        cluster.ask("n1", ClientPut(key, b"v"))
    cluster.crash("n1")
    cluster.disks["n1"].replica[KEYS[0]] = b"\0"
    cluster.start("n1")
    core = cluster.running["n1"].core
    assert [entry.key for entry in core.scan(0).entries] == KEYS[1:3]
    assert core.scan(0).root == dict(core.roots())[0]
    assert values(cluster, "n1", KEYS[0]) == ()
    written = cluster.ask("n1", ClientPut(KEYS[0], b"again"))
    assert values(cluster, "n1", KEYS[0]) == (b"again",)
    cluster.ask("n1", ClientDelete(KEYS[0], written.context))  # type: ignore[union-attr]  # a failure has none
    assert values(cluster, "n1", KEYS[0]) == ()


def test_a_torn_hint_does_not_hold_the_others_up() -> None:
    """All the others are handed over, and the torn one is no hint any more."""
    cluster = Cluster(4, n=3, r=1, w=2, partition_count=4, anti_entropy_interval=1000.0)
    cluster.run_for(1.0)
    cluster.crash("n3")
    cluster.run_for(3.0)
    for key in KEYS:
        cluster.ask("n1", ClientPut(key, b"v"))
    cluster.run_for(2.0)
    holder = max(("n1", "n2", "n4"), key=lambda name: len(cluster.disks[name].hints.rows))
    rows = cluster.disks[holder].hints.rows
    assert len(rows) > 3
    cluster.crash(holder)
    torn = min(rows)
    rows[torn] = rows[torn][:5]
    cluster.start("n3")
    cluster.start(holder)
    damage = told(cluster, holder)
    cluster.run_for(20.0)
    assert list(rows) == [torn]
    assert cluster.running[holder].core.list_hints() == ()
    assert cluster.running[holder].core.status().hints_pending.count == 0
    assert len(damage) == 1


@given(st.sampled_from(EVENTS), st.data())
def test_a_damaged_event_is_left_out_and_no_other_is_read_in_its_place(event: Event, data: st.DataObject) -> None:
    """Whatever has become of its bytes; the facts beside it are read."""
    rows = {fact.name: fact.data for fact in map(put_event, EVENTS)} | {put_released(7, b"").name: b""}
    name, sound = put_event(event).name, put_event(event).data
    place = data.draw(st.integers(0, len(sound) - 1))
    changed = data.draw(st.binary(max_size=3))
    rows[name] = sound[:place] + changed + sound[data.draw(st.integers(place, len(sound))) :]
    facts = read_facts(rows)
    assert facts.released == (7,)
    if rows[name] == sound:
        assert set(facts.events) == set(EVENTS)
    else:
        assert set(facts.events) == set(EVENTS) - {event}
        assert len(facts.lost) == 1


def test_a_released_partition_is_read_by_its_name_alone() -> None:
    """What stands there besides does not matter; without its name nobody knows which it was."""
    fact = put_released(9, b"d" * 32)
    assert isinstance(fact, PutFact)
    assert read_facts({fact.name: b"\xff"}).released == (9,)
    for name in (fact.name[:-1], b"\xff" + fact.name[1:], b""):
        with pytest.raises(MalformedFact):
            read_facts({name: fact.data})


def test_a_lost_event_comes_back_by_gossip_under_its_name() -> None:
    """The disk is as it was before the damage, and the node has told of it."""
    cluster = Cluster(4, n=3, r=1, w=2, partition_count=4)
    cluster.run_for(1.0)
    cluster.ask("n1", ClientLeave("n4"))
    cluster.run_for(10.0)
    cluster.crash("n2")
    facts = cluster.disks["n2"].facts
    sound = dict(facts)
    assert facts
    for name in facts:
        if name.startswith(b"event "):
            facts[name] = facts[name][:-2]
    cluster.start("n2")
    damage = told(cluster, "n2")
    cluster.run_for(10.0)
    assert facts == sound
    assert {each.what for each in damage} == {"a membership event"}
    assert len({process.core.ring().digest for process in cluster.running.values()}) == 1
