"""What breaks promises about keys: answers, durability and siblings."""

# ruff: noqa: D103 -- the names of the planted histories are sentences themselves

from tests.harness.judging.planting import Plants

from ringcheck.judging.handmade import Handmade
from ringcheck.schedule import ExpectAnswer, ExpectSettled, Settle
from ringcheck_chaos.faults import Isolate

PLANTS = Plants()
plant = PLANTS.plant


@plant("KV-01", "KV-02")
def untouched_key_is_not_found(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.get(end="NOT_FOUND" if wrong else "OK")
    return tale


@plant("KV-02")
def one_node_refuses_a_key(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("a")
    for node in tale.nodes:
        tale.get("a", node=node, end="FAILED_PRECONDITION" if wrong and node == "n2" else "OK")
    return tale


@plant("KV-04")
def answer_lacks_an_expected_value(wrong: bool) -> Handmade:
    tale = Handmade(steps=(ExpectAnswer(requirement="KV-04", operation=3, values=("b", "a")),))
    tale.put("a")
    tale.put("b")
    tale.get(*(["b"] if wrong else ["a", "b"]))
    return tale


@plant("KV-11")
def invalid_input_is_an_unknown_error(wrong: bool) -> Handmade:
    tale = Handmade(steps=(ExpectAnswer(requirement="KV-11", operation=1, code="INVALID_ARGUMENT"),))
    tale.put("a", key="", end="UNKNOWN" if wrong else "INVALID_ARGUMENT")
    return tale


@plant("KV-08", "AE-01")
def settled_state_is_not_what_was_said(wrong: bool) -> Handmade:
    tale = Handmade(steps=(Settle(), ExpectSettled(requirement="KV-08", key="k", values=("b",))))
    deleted = tale.delete(tale.put("a"))
    tale.put("b", context=deleted - 1)
    tale.settle({"k": {"n1": ["b"], "n2": [] if wrong else ["b"], "n3": ["b"]}})
    return tale


@plant("KV-13")
def quiet_read_misses_a_write(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.look("start")
    read = tale.get()
    tale.put("a", context=read)
    tale.put("b", context=tale.get("a", node="n2"))
    tale.get("a" if wrong else "b", node="n3")
    tale.look()
    return tale


@plant("KV-13")
def quiet_read_returns_both_old_and_new(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.look("start")
    first = tale.put("a")
    tale.put("b", context=first)
    tale.get(*(["a", "b"] if wrong else ["b"]), node="n3")
    tale.look()
    return tale


@plant("KV-14")
def refused_put_is_read(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("a", end="FAILED_PRECONDITION")
    tale.settle({"k": ["a"] if wrong else []})
    return tale


@plant("DUR-01")
def acknowledged_write_is_lost(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.fault(1, Isolate(how="drop", node="n3"))
    tale.put("a")
    tale.heal(1)
    tale.settle({"k": [] if wrong else ["a"]})
    return tale


@plant("DUR-01")
def write_seen_once_is_lost_beside_a_delete_that_cannot_have_worked(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.fault(1, Isolate(how="drop", node="n3"))
    for value in ("a", "b"):
        tale.put(value, end="UNAVAILABLE")
    tale.put("c")
    tale.delete(tale.get("a", "b", "c"), end="UNAVAILABLE")
    tale.heal(1)
    tale.settle({"k": ["b", "c"] if wrong else ["a", "b", "c"]})
    return tale


@plant("DUR-01")
def nodes_read_differently_without_inspect(wrong: bool) -> Handmade:
    tale = Handmade(profiles=("kv", "describe"))
    tale.fault(1, Isolate(how="drop", node="n3"))
    tale.put("a", end="UNAVAILABLE")
    tale.put("b")
    tale.heal(1)
    tale.settle({"k": {"n1": ["a", "b"], "n2": ["b"] if wrong else ["a", "b"], "n3": ["a", "b"]}}, by="reads")
    return tale


@plant("DUR-02")
def write_is_lost_when_all_are_killed(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("a")
    tale.kill("n1", "n2", "n3")
    tale.settle({"k": [] if wrong else ["a"]})
    return tale


@plant("DUR-03")
def write_is_lost_with_one_disk(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("a")
    tale.lose("n1")
    tale.settle({"k": [] if wrong else ["a"]})
    return tale


@plant("DUR-03")
def two_disks_are_lost_of_three_that_hold_a_write(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("a", w=3)
    tale.lose("n1", "n2")
    tale.lose("n1")
    tale.settle({"k": [] if wrong else ["a"]})
    return tale


@plant("DUR-03")
def one_disk_at_a_time_is_lost_between_convergences(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("a")
    for node in tale.nodes:
        tale.lose(node)
        tale.settle({"k": [] if wrong and node == "n3" else ["a"]})
    return tale


@plant("DUR-01")
def write_stays_where_it_was_asked_for(wrong: bool) -> Handmade:
    """Nobody can look inside, and the answers never become the same."""
    tale = Handmade(profiles=("kv", "describe"))
    tale.put("a", node="n2")
    tale.kill("n3")
    reason = "The nodes answer differently, or not at all, when key 'k' is read."
    tale.settle({"k": {"n2": ["a"]} if wrong else ["a"]}, by="reads", diverged=(reason,) if wrong else ())
    return tale


@plant("DUR-04")
def write_is_lost_after_a_roll_back(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("b", context=tale.put("a"))
    tale.lose("n1", how="rolled back")
    tale.settle({"k": [] if wrong else ["b"]})
    return tale


@plant("DUR-04")
def write_after_a_roll_back_is_hidden_by_what_came_before(wrong: bool) -> Handmade:
    """The older disk counts on where it was: the write that is lost came after it."""
    tale = Handmade()
    tale.put("a")
    tale.lose("n1", how="rolled back")
    tale.restart("n1")
    tale.put("b", node="n1")
    tale.settle({"k": ["a"] if wrong else ["a", "b"]})
    return tale


@plant("SIB-01")
def one_of_two_siblings_is_lost(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("a")
    tale.put("b", node="n2")
    tale.settle({"k": ["b"] if wrong else ["a", "b"]})
    return tale


@plant("SIB-02")
def superseded_version_is_returned(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("b", context=tale.put("a"))
    tale.settle({"k": ["a", "b"] if wrong else ["b"]})
    return tale


@plant("SIB-02")
def deleted_version_is_returned(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.delete(tale.put("a"))
    tale.settle({"k": ["a"] if wrong else []})
    return tale


@plant("SIB-02")
def value_stands_twice_in_one_answer(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("b", context=tale.put("a"))
    tale.get(*(["b", "b"] if wrong else ["b"]))
    tale.settle({"k": ["b"]})
    return tale


@plant("SIB-03")
def deleted_version_is_back_at_the_next_convergence(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.delete(tale.put("a"))
    tale.settle({"k": []})
    tale.settle({"k": ["a"] if wrong else []})
    return tale


@plant("SIB-03", "KV-13")
def deleted_version_is_back_in_a_read(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.delete(tale.put("a"))
    tale.settle({"k": []})
    tale.get(*(["a"] if wrong else []))
    tale.settle({"k": []})
    return tale


@plant("SIB-03")
def disk_rolled_back_brings_back_what_was_deleted(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.delete(tale.put("a"))
    tale.settle({"k": []})
    tale.lose("n1", how="rolled back")
    tale.settle({"k": ["a"] if wrong else []})
    return tale


@plant("SIB-03")
def deleted_version_is_read_after_the_convergence_that_followed_a_roll_back(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.delete(tale.put("a"))
    tale.settle({"k": []})
    tale.lose("n1", how="rolled back")
    tale.get("a")
    tale.settle({"k": []})
    tale.get(*(["a"] if wrong else []))
    return tale


@plant("SIB-03")
def what_was_lost_with_a_disk_comes_from_nowhere(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.delete(tale.put("b"))
    tale.put("a", w=1)
    tale.lose("n1")
    tale.settle({"k": []})
    tale.lose("n2", how="wiped" if wrong else "rolled back")
    tale.settle({"k": ["a"]})
    return tale


@plant("SIB-03")
def indefinite_put_takes_effect_after_a_convergence(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.fault(1, Isolate(how="drop", node="n1"))
    tale.put("a", end="DEADLINE_EXCEEDED")
    tale.heal(1)
    tale.settle({"k": []})
    tale.settle({"k": ["a"] if wrong else []})
    return tale


@plant("SIB-04")
def value_of_nobody_is_read(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("a")
    tale.put("b", key="other")
    tale.get("b" if wrong else "a")
    return tale


@plant("SIB-04")
def value_is_read_before_its_put_began(wrong: bool) -> Handmade:
    tale = Handmade()
    tale.put("b")
    tale.get("a" if wrong else "b")
    tale.put("a")
    return tale
