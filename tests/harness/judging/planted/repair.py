"""What breaks promises about availability, repair and placement."""

# ruff: noqa: D103 -- the names of the planted histories are sentences themselves

from typing import Any

import msgspec
from tests.harness.judging.planting import Plants

from ringcheck.judging.handmade import NOBODY, Handmade, replica
from ringcheck.schedule import Configuration
from ringcheck_chaos.faults import Isolate, Split

PLANTS = Plants()
plant = PLANTS.plant


def under_split(wrong: bool, kind: str, side: str) -> Handmade:
    """One operation through `side` of a split 3|2 that is older than failure detection; wrong: as it must not end."""
    tale = Handmade(configuration=Configuration(nodes=5))
    tale.fault(1, Split(how="drop", left=("n1", "n2", "n3"), right=("n4", "n5")))
    tale.tick(2.0)
    alone = side == "n4"
    end = "OK" if alone == wrong else "UNAVAILABLE"
    if kind == "put":
        tale.put("a", node=side, end=end, w=3)
    else:
        tale.get(node=side, end=end, r=3)
    tale.heal(1)
    return tale


@plant("AVL-01")
def put_fails_among_enough_nodes(wrong: bool) -> Handmade:
    return under_split(wrong, "put", "n1")


@plant("AVL-02")
def get_fails_among_enough_nodes(wrong: bool) -> Handmade:
    return under_split(wrong, "get", "n1")


@plant("AVL-03")
def put_is_acknowledged_among_too_few(wrong: bool) -> Handmade:
    return under_split(wrong, "put", "n4")


@plant("AVL-03")
def put_is_acknowledged_by_two_nodes_of_one_host(wrong: bool) -> Handmade:
    tale = Handmade(configuration=Configuration(nodes=4, hosts=("h1", "h1", "h3", "h4")))
    tale.fault(1, Split(how="drop", left=("n1", "n2"), right=("n3", "n4")))
    tale.tick(2.0)
    tale.put("a", node="n1", end="OK" if wrong else "UNAVAILABLE")
    tale.heal(1)
    return tale


@plant("AVL-05")
def get_is_answered_among_too_few(wrong: bool) -> Handmade:
    return under_split(wrong, "get", "n4")


@plant("AVL-03")
def put_is_acknowledged_by_the_only_node_that_runs(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.kill("n2", "n3")
    tale.put("a", end="OK" if wrong else "UNAVAILABLE")
    tale.restart("n2", "n3")
    return tale


def with_hint() -> Handmade:
    """n3 is down, and n4 holds a hint for it that was seen."""
    tale = Handmade(configuration=Configuration(nodes=4))
    tale.kill("n3")
    tale.put("a")
    tale.data = {(node, "k"): b"a" for node in ("n1", "n2")}
    tale.hints.add(("n4", "n3", "k"))
    tale.look(condition="hint")
    return tale


@plant("HND-01")
def hint_stays_pending(wrong: bool) -> Handmade:
    tale = with_hint()
    tale.data["n3", "k"] = b"a"
    if wrong:
        tale.settle({"k": ["a"]}, diverged=("n4 still holds 1 hint.",))
    else:
        tale.hints.clear()
        tale.settle({"k": ["a"]})
    return tale


@plant("HND-02")
def hint_is_forgotten_in_a_crash(wrong: bool) -> Handmade:
    tale = with_hint()
    tale.kill("n4")
    tale.restart("n4")
    if wrong:
        tale.hints.clear()
    tale.look(condition="hint", met=not wrong)
    return tale


@plant("HND-03", "AE-01")
def target_lacks_what_was_handed_off(wrong: bool) -> Handmade:
    tale = with_hint()
    tale.hints.clear()
    tale.data["n3", "k"] = b"a"
    tale.settle({"k": ["a"]}, changes={"n3": {"replicas": ()}} if wrong else {})
    return tale


@plant("AE-01")
def owners_stay_different(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.fault(1, Isolate(how="stall", node="n3"))
    tale.put("a")
    tale.heal(1)
    tale.data = {(node, "k"): b"a" for node in ("n1", "n2")}
    if wrong:
        tale.settle({"k": ["a"]}, diverged=("Partition 0: n2 and n3 differ in key 'k'.",))
    else:
        tale.data["n3", "k"] = b"a"
        tale.settle({"k": ["a"]})
    return tale


@plant("AE-01")
def nodes_read_differently(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.fault(1, Isolate(how="stall", node="n3"))
    tale.put("a", end="UNAVAILABLE")
    tale.put("b")
    tale.heal(1)
    tale.settle({"k": {"n1": ["a", "b"], "n2": ["b"] if wrong else ["a", "b"], "n3": ["a", "b"]}})
    return tale


@plant("AE-02")
def root_is_constant(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("a")
    tale.data = {("n1", "k"): b"a", ("n2", "k"): b"b"}
    replicas = (replica({"k": b"a"}, root="constant"),)
    tale.look(changes={"n1": {"replicas": replicas}} if wrong else {})
    return tale


@plant("AE-02")
def root_is_not_renewed(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("a")
    tale.data = {(node, "k"): b"a" for node in tale.nodes}
    stale = msgspec.structs.replace(replica({"k": b"a"}), root="f" * 64)
    tale.settle({"k": ["a"]}, changes={"n2": {"replicas": (stale,)}} if wrong else {})
    return tale


@plant("AE-03")
def idle_cluster_repairs(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("a")
    tale.data = {(node, "k"): b"a" for node in tale.nodes}
    busy = msgspec.structs.replace(NOBODY, anti_entropy_repairs=3, transfers=1)
    tale.settle({"k": ["a"]}, changes={"n2": {"counters": busy}} if wrong else {})
    return tale


@plant("AE-04", "AE-01")
def wiped_node_stays_empty(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("a")
    tale.lose("n2")
    tale.data = {(node, "k"): b"a" for node in ("n1", "n3")}
    if wrong:
        tale.settle({"k": ["a"]}, diverged=("Partition 0: n1 and n2 differ in key 'k'.",))
    else:
        tale.data["n2", "k"] = b"a"
        tale.settle({"k": ["a"]})
    return tale


@plant("AE-05")
def stand_in_keeps_a_replica(wrong: bool) -> Handmade:
    tale = Handmade(configuration=Configuration(nodes=4))
    tale.put("a")
    tale.data = {(node, "k"): b"a" for node in ("n1", "n2", "n3")}
    tale.settle({"k": ["a"]}, changes={"n4": {"replicas": (replica({"k": b"a"}),)}} if wrong else {})
    return tale


@plant("RR-01")
def stale_replica_stays_stale(wrong: bool) -> Handmade:
    hour = 3_600_000
    tale = Handmade(configuration=Configuration(nodes=3, anti_entropy_interval_ms=hour, handoff_interval_ms=hour))
    tale.put("a")
    tale.data = {(node, "k"): b"a" for node in ("n1", "n2")}
    tale.look(condition="differ")
    tale.get("a", r=3)
    if not wrong:
        tale.data["n3", "k"] = b"a"
    tale.look(condition="equal", met=not wrong)
    return tale


@plant("RNG-01")
def preference_list_lacks_a_member(wrong: bool) -> Handmade:
    tale = Handmade(configuration=Configuration(nodes=4))
    tale.put("a")
    tale.look(changes={"n2": {"preference_lists": {"k": ("n1", "n2", "n3")}}} if wrong else {})
    return tale


@plant("RNG-01")
def two_copies_on_one_host(wrong: bool) -> Handmade:
    tale = Handmade(configuration=Configuration(nodes=4))
    tale.put("a")
    hosts = {"n1": "x", "n2": "x" if wrong else "y", "n3": "z", "n4": "y" if wrong else "x"}
    tale.look(changes={node: {"hosts": hosts} for node in tale.nodes})
    return tale


def table(*, last: tuple[str, ...]) -> dict[str, Any]:
    """What a node shows of four nodes on three hosts; no key is in the last of its partitions."""
    hosts = {"n1": "x", "n2": "y", "n3": "z", "n4": "z"}
    return {"hosts": hosts, "owners": {0: ("n1", "n2", "n3"), 1: ("n4", "n1", "n2"), 2: last}}


@plant("RNG-01")
def two_owners_on_one_host_where_no_key_is(wrong: bool) -> Handmade:
    tale = Handmade(configuration=Configuration(nodes=4))
    tale.put("a")
    shown = table(last=("n3", "n4", "n1") if wrong else ("n3", "n2", "n1"))
    tale.look(changes=dict.fromkeys(tale.nodes, shown))
    return tale


@plant("RNG-01")
def one_owner_too_few_where_no_key_is(wrong: bool) -> Handmade:
    tale = Handmade(configuration=Configuration(nodes=4))
    tale.put("a")
    shown = table(last=("n3", "n1") if wrong else ("n3", "n1", "n2"))
    tale.look(changes=dict.fromkeys(tale.nodes, shown))
    return tale


@plant("RNG-01")
def an_owner_that_is_no_member(wrong: bool) -> Handmade:
    tale = Handmade(configuration=Configuration(nodes=4))
    tale.put("a")
    shown = table(last=("n3", "n1", "n5" if wrong else "n2"))
    tale.look(changes=dict.fromkeys(tale.nodes, shown))
    return tale


@plant("RNG-02", "RNG-01")
def nodes_name_different_owners(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("a")
    tale.settle({"k": ["a"]}, changes={"n2": {"owners": {0: ("n2", "n1", "n3")}}} if wrong else {})
    return tale
