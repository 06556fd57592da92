from typing import Any

import msgspec

from ringcheck.history import Counters, EntrySeen, HintSeen, NodeSeen, Observation, ReplicaSeen
from ringcheck.quiet import holds, owners_seen, same_data, states_of, unrest
from ringcheck.schedule import Observe

COUNTERS = Counters(**dict.fromkeys(Counters.__struct_fields__, 0))


def replica(state: bytes, *, partition: int = 0, root: str | None = None) -> ReplicaSeen:
    """One partition with the key k in this state, or empty."""
    entries = (EntrySeen(key="k", values=("v",), state=state),) if state else ()
    computed = state.hex()
    return ReplicaSeen(
        partition=partition, root=root or computed, scan_root=computed, computed_root=computed, entries=entries
    )


def node(state: bytes = b"s", **changes: Any) -> NodeSeen:
    """An owner of partition 0 but for these changes."""
    seen = NodeSeen(
        counters=COUNTERS,
        view_digest="view",
        replicas=(replica(state),),
        owners={0: ("n1", "n2")},
        members=("n1", "n2"),
    )
    return msgspec.structs.replace(seen, **changes)


def observation(**nodes: NodeSeen) -> Observation:
    """These nodes, seen at once."""
    return Observation(time=1, began=0, why="observe", nodes=nodes, partitions={"k": 0})


def reasons(**nodes: NodeSeen) -> list[str]:
    """What keeps these nodes, of two expected, from having converged."""
    return list(unrest(observation(**nodes), ["n1", "n2"]))


def test_equal_owners_without_hints_are_quiet() -> None:
    """Nothing keeps such a cluster from having converged."""
    assert reasons(n1=node(), n2=node()) == []


def test_missing_node_is_named() -> None:
    """A node that does not run cannot have converged."""
    assert reasons(n1=node()) == ["n2 does not run or could not be looked into."]


def test_pending_hint_is_named_with_its_target() -> None:
    """A hint is unrest, whether counted or only listed."""
    hint = HintSeen(target="n2", entry=EntrySeen(key="k", values=(), state=b""))
    counted = node(counters=msgspec.structs.replace(COUNTERS, hints_pending=1), hints=(hint,))
    assert reasons(n1=counted, n2=node()) == ["n1 still holds 1 hint, for n2."]
    assert reasons(n1=node(hints=(hint,)), n2=node()) == ["n1 lists 1 hint although it counts none as pending."]


def test_different_views_and_moving_partitions_are_named() -> None:
    """All views must be equal, every handover confirmed and every leaver drained."""
    assert reasons(n1=node(view_digest="other"), n2=node()) == [
        "The nodes have different views of the ring: n1 has other, n2 has view."
    ]
    assert reasons(n1=node(unconfirmed_partitions=(1, 2, 3, 4)), n2=node(draining=("n3",))) == [
        "n1 has not confirmed partitions 1, 2, 3 and 1 more.",
        "n2 sees node n3 leaving and not drained.",
    ]


def test_different_data_name_partition_replicas_and_keys() -> None:
    """What has not converged is named: which partition, which two replicas, which keys."""
    assert reasons(n1=node(b"s"), n2=node(b"t")) == ["Partition 0: n1 and n2 differ in key 'k'."]


def test_one_root_for_different_data_does_not_deceive() -> None:
    """Equal roots prove nothing: data are compared by what a scan shows."""
    constant = [node(replicas=(replica(state, root="00"),)) for state in (b"s", b"t")]
    assert reasons(n1=constant[0], n2=constant[1]) == ["Partition 0: n1 and n2 differ in key 'k'."]


def test_different_roots_for_equal_data_are_unrest() -> None:
    """Owners that hold the same and tell different roots have not converged."""
    odd = node(replicas=(replica(b"s", root="00"),))
    assert reasons(n1=odd, n2=node()) == ["Partition 0: n1 and n2 hold equal data and tell different roots."]


def test_owner_without_a_replica_is_unrest() -> None:
    """An owner must show its partition, even an empty one."""
    assert reasons(n1=node(replicas=()), n2=node()) == ["Partition 0: n1 owns it and shows no replica of it."]


def test_copies_beyond_the_owners_are_not_waited_for() -> None:
    """What a third node keeps is judged elsewhere, and does not hold convergence up."""
    assert list(unrest(observation(n1=node(), n2=node(), n3=node(b"old")), ["n1", "n2", "n3"])) == []


def test_once_membership_has_moved_copies_beyond_the_owners_are_waited_for() -> None:
    """They have to be handed over and dropped; an empty replica is none."""
    seen = observation(n1=node(), n2=node(), n3=node(b"old"))
    names = ["n1", "n2", "n3"]
    assert list(unrest(seen, names, moved=True)) == ["n3 still holds something of partition 0, which it does not own."]
    assert list(unrest(observation(n1=node(), n2=node(), n3=node(b"")), names, moved=True)) == []


def test_who_is_not_expected_may_think_what_he_likes() -> None:
    """A node that is no member has a view of its own, and moves what it likes; its hints count."""
    odd = node(view_digest="other", unconfirmed_partitions=(1,), draining=("n1",), owners={0: ("n3",)})
    assert reasons(n3=odd, n1=node(), n2=node()) == []
    hinted = msgspec.structs.replace(odd, counters=msgspec.structs.replace(COUNTERS, hints_pending=1))
    assert reasons(n3=hinted, n1=node(), n2=node()) == ["n3 still holds 1 hint."]


def test_without_a_ring_whoever_lists_a_partition_counts() -> None:
    """Where the ring is not declared, all replicas of a partition must be equal."""
    seen = observation(n1=node(owners={}), n2=node(b"t", owners={}))
    assert owners_seen(seen) == {0: ("n1", "n2")}
    assert list(unrest(seen, ["n1", "n2"])) == ["Partition 0: n1 and n2 differ in key 'k'."]


def test_states_of_a_key_are_those_of_its_owners() -> None:
    """Owners alone count, and one that holds nothing has the empty state."""
    seen = observation(n1=node(), n2=node(b""), n3=node(b"x"))
    assert states_of(seen, "k") == [b"s", b""]
    assert states_of(seen, "unknown") == []


def test_a_copy_is_waited_for_at_one_node() -> None:
    """It counts whoever owns it; an empty replica is none, and a node that was not seen has none."""
    seen = observation(n1=node(), n2=node(b""))
    assert holds(Observe(until="copy", node="n1"), seen)
    assert not holds(Observe(until="copy", node="n2"), seen)
    assert not holds(Observe(until="copy", node="n3"), seen)


def test_lull_is_told_from_rest() -> None:
    """Between two looks nothing may have changed: no data, no hint taken, no restart."""
    first = observation(n1=node(), n2=node())
    assert same_data(first, observation(n1=node(), n2=node()))
    assert not same_data(first, observation(n1=node(b"t"), n2=node(b"t")))
    hinted = node(counters=msgspec.structs.replace(COUNTERS, hints_stored=1))
    assert not same_data(first, observation(n1=hinted, n2=node()))
    assert not same_data(first, observation(n1=node(incarnation="new"), n2=node()))
    assert not same_data(first, observation(n1=node(view_digest="new"), n2=node(view_digest="new")))
