"""What breaks promises about members that come and go."""

# ruff: noqa: D103 -- the names of the planted histories are sentences themselves

from typing import Any

from tests.harness.judging.planting import Plants

from ringcheck.judging.handmade import Handmade, replica
from ringcheck.schedule import Configuration
from ringcheck_chaos.faults import Isolate, LinkFault, Pause

EVERYTHING = ("describe", "inspect", "kv", "membership", "ring")
PLANTS = Plants()
plant = PLANTS.plant


def four() -> Handmade:
    """Four nodes, three copies."""
    return Handmade(configuration=Configuration(nodes=4), profiles=EVERYTHING)


def stored(tale: Handmade, *nodes: str) -> None:
    """Nobody but these holds the key."""
    tale.data = {(node, "k"): b"a" for node in nodes}


def ring(*firsts: str, weights: dict[str, int] | None = None) -> dict[str, Any]:
    """What a node shows of a ring of three members whose partitions have these first owners."""
    names = ("n1", "n2", "n3")
    owners = {number: (first, *(name for name in names if name != first)) for number, first in enumerate(firsts)}
    return {"owners": owners, "weights": weights or dict.fromkeys(names, 1)}


@plant("RNG-03")
def heavy_node_owns_as_much_as_the_light_ones(wrong: bool) -> Handmade:
    tale = Handmade(profiles=EVERYTHING)
    weights = {"n1": 1, "n2": 2, "n3": 4}
    right = ring("n3", "n3", "n3", "n3", "n2", "n2", "n1", weights=weights)
    even = ring("n3", "n3", "n3", "n2", "n2", "n1", "n1", weights=weights)
    tale.look(changes=dict.fromkeys(tale.nodes, even if wrong else right))
    return tale


def lists(*newcomers: str, shift: int) -> dict[str, Any]:
    """What a node shows of a ring in which each of four members is left out of every fourth list.

    Which one, `shift` says: it leaves to each as much as before. A newcomer is first in the last twelve lists.
    """
    four = ("n1", "n2", "n3", "n4")
    owners = {number: tuple(four[(number + shift + rank) % 4] for rank in (1, 2, 3)) for number in range(64)}
    owners |= {number: (*newcomers, *owners[number][len(newcomers) :]) for number in range(52, 64)}
    members = (*four, *newcomers)
    return {
        "members": members,
        "owners": owners,
        "weights": dict.fromkeys(members, 1),
        "hosts": {name: name for name in members},
    }


@plant("RNG-04")
def one_joining_moves_too_much(wrong: bool) -> Handmade:
    # Twelve entries must move, and there are five members then: 54 may. Of 64 shifted lists each has a new one.
    tale = Handmade(configuration=Configuration(nodes=4), profiles=EVERYTHING)
    tale.look(changes=dict.fromkeys(tale.nodes, lists(shift=0)))
    tale.join("n5")
    tale.look(changes=dict.fromkeys(tale.nodes, lists("n5", shift=1 if wrong else 0)))
    return tale


@plant("MEM-01", "RNG-02")
def one_node_never_hears_of_a_join(wrong: bool) -> Handmade:
    tale = four()
    tale.join("n5")
    old = {"members": ("n1", "n2", "n3", "n4"), "view_digest": "old"}
    if wrong:
        tale.settle({}, diverged=("The nodes have different views of the ring.",), changes={"n3": old})
    else:
        tale.settle({})
    return tale


@plant("MEM-01")
def leave_is_forgotten(wrong: bool) -> Handmade:
    tale = four()
    before = tale.members
    tale.leave("n4")
    if wrong:
        tale.members = before
    tale.settle({})
    return tale


@plant("MEM-02")
def acknowledged_write_is_lost_in_a_join(wrong: bool) -> Handmade:
    tale = four()
    tale.put("a")
    stored(tale, "n1", "n2", "n3")
    tale.join("n5")
    tale.settle({"k": [] if wrong else ["a"]})
    return tale


@plant("MEM-02")
def write_during_a_leave_is_lost_in_the_second_settle(wrong: bool) -> Handmade:
    tale = four()
    tale.settle({})
    tale.leave("n1", through="n2")
    tale.put("a", node="n2")
    tale.settle({"k": [] if wrong else ["a"]})
    return tale


@plant("DUR-03")
def write_is_lost_with_a_removed_node(wrong: bool) -> Handmade:
    tale = four()
    tale.put("a")
    tale.kill("n2")
    tale.remove("n2")
    tale.settle({"k": [] if wrong else ["a"]})
    return tale


@plant("MEM-03")
def put_fails_while_somebody_joins(wrong: bool) -> Handmade:
    tale = four()
    tale.join("n5")
    tale.put("a", node="n2", end="UNAVAILABLE" if wrong else "OK")
    return tale


@plant("MEM-03")
def get_is_late_while_somebody_leaves(wrong: bool) -> Handmade:
    tale = four()
    tale.leave("n4")
    tale.get(node="n2", takes=4.0 if wrong else 0.1)
    return tale


@plant("MEM-03")
def get_misses_a_put_while_somebody_joins(wrong: bool) -> Handmade:
    tale = four()
    tale.look("start")
    tale.put("a")
    tale.join("n5")
    tale.get(*([] if wrong else ["a"]), node="n2")
    tale.look()
    return tale


def one_removed(*, comes_back: bool) -> Handmade:
    """n4 is dead and removed, as a look shows; afterwards it may be a member again."""
    tale = four()
    before = tale.members
    tale.kill("n4")
    tale.remove("n4")
    tale.look()
    if comes_back:
        tale.members = before
    return tale


@plant("MEM-04")
def removed_node_comes_back_by_gossip(wrong: bool) -> Handmade:
    tale = one_removed(comes_back=wrong)
    tale.look()
    return tale


@plant("MEM-04")
def removed_node_is_in_every_view_after_healing(wrong: bool) -> Handmade:
    tale = one_removed(comes_back=wrong)
    tale.settle({})
    return tale


@plant("MEM-05", "AE-05")
def old_owner_keeps_its_replica(wrong: bool) -> Handmade:
    tale = four()
    tale.put("a")
    tale.leave("n1", through="n2")
    stored(tale, "n2", "n3", "n4")
    tale.settle({"k": ["a"]}, changes={"n1": {"replicas": (replica({"k": b"a"}),)}} if wrong else {})
    return tale


@plant("MEM-05")
def leaver_is_never_drained(wrong: bool) -> Handmade:
    tale = four()
    tale.put("a")
    tale.leave("n1", through="n2")
    stored(tale, "n2", "n3", "n4")
    if wrong:
        draining = {node: {"draining": ("n1",)} for node in tale.nodes}
        tale.settle({"k": ["a"]}, diverged=("n2 sees node n1 leaving and not drained.",), changes=draining)
    else:
        tale.settle({"k": ["a"]})
    return tale


@plant("HND-04")
def hint_of_a_removed_node_is_dropped(wrong: bool) -> Handmade:
    tale = Handmade(configuration=Configuration(nodes=5), profiles=EVERYTHING)
    tale.kill("n3")
    tale.put("a", end="UNAVAILABLE")
    tale.hints.add(("n5", "n3", "k"))
    tale.look(condition="hint")
    tale.remove("n3")
    tale.hints.clear()
    if not wrong:
        stored(tale, "n1", "n2", "n4")
    tale.settle({"k": [] if wrong else ["a"]})
    return tale


def with_one_slow(wrong: bool, fault: LinkFault | Isolate | Pause, wait_s: float) -> Handmade:
    """Puts through n1, the coordinator, while n3 alone suffers."""
    tale = Handmade()
    tale.put("a")
    tale.look()
    tale.fault(1, fault)
    tale.tick(2.0)
    for number in range(4):
        tale.put(f"b{number}", takes=wait_s if wrong or not number else 0.01)
    tale.heal(1)
    return tale


@plant("AVL-04")
def puts_wait_for_a_slow_replica(wrong: bool) -> Handmade:
    return with_one_slow(wrong, LinkFault(how="latency", source="n1", target="n3", latency_ms=100), 0.21)


@plant("AVL-04")
def puts_wait_for_a_silent_replica(wrong: bool) -> Handmade:
    return with_one_slow(wrong, Isolate(how="stall", node="n3"), 0.26)


@plant("AVL-04")
def puts_wait_for_a_paused_replica(wrong: bool) -> Handmade:
    return with_one_slow(wrong, Pause("n3"), 0.26)


@plant("AVL-04")
def puts_wait_for_a_paused_replica_and_gets_do_not(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("a")
    tale.look()
    tale.fault(1, Pause("n3"))
    tale.tick(2.0)
    for number in range(4):
        tale.put(f"b{number}", takes=0.26 if wrong else 0.01)
        tale.get("a", *(f"b{each}" for each in range(number + 1)))
        tale.get("a", *(f"b{each}" for each in range(number + 1)))
    tale.heal(1)
    return tale


@plant("AVL-01")
def put_fails_while_one_who_is_down_is_removed(wrong: bool) -> Handmade:
    # All three copies are asked for: the one who is gone has a successor in every view.
    tale = four()
    tale.kill("n4")
    tale.remove("n4")
    tale.tick(2.0)
    tale.put("a", w=3, end="UNAVAILABLE" if wrong else "OK")
    return tale


@plant("AVL-01")
def put_fails_as_soon_as_one_joins_beside_one_who_is_down(wrong: bool) -> Handmade:
    tale = four()
    tale.kill("n4")
    tale.tick(2.0)
    tale.join("n5")
    tale.put("a", end="UNAVAILABLE" if wrong else "OK")
    return tale


@plant("AVL-02")
def get_fails_while_one_leaves_and_one_is_down(wrong: bool) -> Handmade:
    tale = Handmade(configuration=Configuration(nodes=5), profiles=EVERYTHING)
    tale.kill("n4")
    tale.tick(2.0)
    tale.leave("n5")
    tale.get(end="DEADLINE_EXCEEDED" if wrong else "OK")
    return tale
