"""Judges accuse nobody of what a fault, a late look or an indefinite write explains."""

import gc

import msgspec
import pytest
from tests.harness.judging.cautious import SILENT, finding, five_nodes, simulated

from ringcheck.history import Skipped
from ringcheck.judging import judge
from ringcheck.judging.causality import Causality
from ringcheck.judging.handmade import NOBODY, Handmade, replica
from ringcheck.judging.run import Run
from ringcheck.judging.timeline import Disturbance
from ringcheck.judging.verdict import Finding
from ringcheck.schedule import Configuration, ExpectAnswer, ExpectSettled, Get, Put, Settle
from ringcheck_chaos.faults import (
    Fault,
    Isolate,
    MessageFault,
    Split,
)


@pytest.mark.parametrize("requirement", ["SIB-02", "SIB-03"])
def test_what_forbids_values_does_not_accuse_of_a_loss(requirement: str) -> None:
    """Less than was to be there is for durability to charge; more is what these requirements are about."""

    def told(*values: str) -> Finding:
        steps = (Settle(), ExpectSettled(requirement=requirement, key="k", values=("a",)))
        tale = Handmade(steps=steps)
        tale.put("a")
        tale.settle({"k": list(values)})
        return finding(judge(tale.history()), requirement)

    assert not told().breaches
    assert "less than was to be there" in told().unclear[0]
    assert told("a", "b").breaches
    assert told("a").held


def test_expected_answer_is_unclear_after_an_indefinite_write() -> None:
    """A Get that returns what an indefinite Put wrote is no breach of what the schedule expected."""
    tale = Handmade(steps=(ExpectAnswer(requirement="KV-04", operation=2, values=()),))
    tale.put("a", end="UNAVAILABLE")
    tale.get("a")
    found = finding(judge(tale.history()), "KV-04")
    assert not found.breaches
    assert "ended with UNAVAILABLE" in found.unclear[0]


def test_expected_answer_is_unclear_when_stand_ins_were_at_work() -> None:
    """A Get that misses a value is no breach of what the schedule expected, when a hint had been stored."""
    tale = Handmade(steps=(ExpectAnswer(requirement="KV-04", operation=2, values=("a",)),))
    tale.look("start")
    tale.put("a")
    tale.get(node="n3")
    tale.count("n2", hints_stored=1)
    tale.look()
    found = finding(judge(tale.history()), "KV-04")
    assert not found.breaches
    assert "n2 stored a hint" in found.unclear[0]


def test_expected_end_is_unclear_when_time_ran_out() -> None:
    """DEADLINE_EXCEEDED in place of INVALID_ARGUMENT says nothing; OK does."""
    steps = (ExpectAnswer(requirement="KV-11", operation=1, code="INVALID_ARGUMENT"),)
    for end, breached in (("DEADLINE_EXCEEDED", False), ("OK", True)):
        tale = Handmade(steps=steps)
        tale.put("a", end=end)
        assert bool(finding(judge(tale.history()), "KV-11").breaches) == breached


def test_expectations_of_what_was_not_carried_out_are_unclear() -> None:
    """A skipped operation, a Settle that never came, and one that did not converge prove nothing."""
    steps = (
        Get(id=1, node="n1", key="k"),
        Put(id=2, node="n1", key="k", value="a", context=1),
        ExpectAnswer(requirement="KV-03", operation=2),
        Settle(),
        ExpectSettled(requirement="KV-06", key="k", values=()),
        Settle(),
        ExpectSettled(requirement="KV-07", key="k", values=()),
    )
    tale = Handmade(steps=steps)
    tale.get(end="UNAVAILABLE")
    tale.events.append(Skipped(time=tale.tick(), operation=2, reason="#1 gave no context"))
    tale.settle({"k": ["phantom"]}, diverged=("n1 does not run.",))
    findings = judge(tale.history()).findings
    assert findings["KV-03"].unclear == ("operation #2 was not carried out: #1 gave no context",)
    assert findings["KV-06"].unclear == ("the cluster did not converge in settle 1",)
    assert findings["KV-07"].unclear == ("the history ends before the settle that it speaks of",)


def test_listed_root_may_differ_while_data_move() -> None:
    """A root that MerkleRoots said a moment before the scan is not compared with it, in a lively cluster."""
    tale = Handmade()
    tale.put("a")
    late = msgspec.structs.replace(replica({"k": b"a"}), root="f" * 64)
    tale.look(changes={"n1": {"replicas": (late,)}})
    assert not finding(judge(tale.history()), "AE-02").breaches


def test_hint_may_go_when_its_target_came_back() -> None:
    """A hint that a killed holder no longer has, after its target had been up, was delivered."""
    tale = Handmade(configuration=Configuration(nodes=4))
    tale.kill("n3")
    tale.put("a")
    tale.hints.add(("n4", "n3", "k"))
    tale.look(condition="hint")
    tale.restart("n3")
    tale.kill("n4")
    tale.restart("n4")
    tale.hints.clear()
    tale.look()
    assert finding(judge(tale.history()), "HND-02") == SILENT


def test_repair_is_unclear_when_a_stand_in_answered() -> None:
    """A Get that counted a stand-in's reply may not have met the stale replica."""
    hour = 3_600_000
    tale = Handmade(configuration=Configuration(nodes=4, anti_entropy_interval_ms=hour, handoff_interval_ms=hour))
    tale.put("a")
    tale.data = {("n1", "k"): b"a", ("n2", "k"): b"a"}
    tale.look(condition="differ")
    tale.get("a", r=3)
    tale.count("n1", fallback_reads=1)
    tale.look(condition="equal", met=False)
    found = finding(judge(tale.history()), "RR-01")
    assert not found.breaches
    assert found.unclear


def test_repair_by_anti_entropy_is_no_repair_by_a_get() -> None:
    """With anti-entropy as quick as usual nothing is said of read repair."""
    tale = Handmade()
    tale.put("a")
    tale.data = {("n1", "k"): b"a", ("n2", "k"): b"a"}
    tale.look(condition="differ")
    tale.get("a", r=3)
    tale.tick(5.0)
    tale.data["n3", "k"] = b"a"
    tale.look(condition="equal")
    assert finding(judge(tale.history()), "RR-01") == SILENT


def test_indefinite_delete_excuses_what_it_may_have_removed() -> None:
    """A version is not lost when a Delete of it may have taken effect."""
    tale = Handmade()
    tale.delete(tale.put("a"), end="UNAVAILABLE")
    tale.settle({"k": []})
    assert not finding(judge(tale.history()), "DUR-01").breaches


def test_accepted_context_of_another_key_leaves_the_key_unjudged() -> None:
    """What a foreign context supersedes nobody knows, so the oracle says nothing of that key."""
    tale = Handmade()
    other = tale.put("x", key="other")
    tale.put("a")
    tale.put("b", context=other)
    tale.settle({"k": [], "other": ["x"]})
    found = finding(judge(tale.history()), "SIB-01")
    assert not found.breaches
    assert "not its key's" in found.unclear[0]


def test_fault_without_proof_makes_a_history_invalid() -> None:
    """A fault that did not bite, one that did not end, and a death without evidence prove nothing."""
    unbitten, unhealed, undead = Handmade(), Handmade(), Handmade()
    unbitten.fault(1, Isolate(how="drop", node="n1"), bit=False)
    unhealed.fault(1, Isolate(how="drop", node="n1"))
    unhealed.heal(1, bit=False)
    undead.kill("n1", proof="")
    assert "did not take effect" in judge(unbitten.history()).invalid
    assert "did not end" in judge(unhealed.history()).invalid
    assert "without a proof" in judge(undead.history()).invalid


def test_counters_are_added_up_over_restarts() -> None:
    """What nodes count is taken from where the run found them, and from 0 after a restart."""
    tale = Handmade()
    tale.counters["n1"] = msgspec.structs.replace(NOBODY, hints_stored=5)
    tale.look("start")
    tale.count("n1", hints_stored=2)
    tale.look()
    tale.kill("n1")
    tale.restart("n1")
    tale.count("n1", hints_stored=1)
    tale.look()
    events = judge(tale.history()).events
    assert events["hints stored"] == 3
    assert events["restarts"] == 1


def test_target_without_inspect_is_judged_by_reads() -> None:
    """Safety is judged as far as reads can show; what only a look inside can show stays unsaid."""
    tale = Handmade(profiles=("describe", "kv"))
    tale.fault(1, Isolate(how="drop", node="n3"))
    tale.put("a")
    tale.heal(1)
    tale.settle({"k": ["a"]}, by="reads")
    judgement = judge(tale.history())
    assert finding(judgement, "DUR-01").held == 1
    assert judgement.events["convergences, as far as reads can show"] == 1
    assert not {"AE-01", "AE-03", "RNG-01", "RNG-02", "KV-13"} & judgement.findings.keys()


@simulated
def test_expected_answer_is_unclear_when_nobody_can_say_what_works(fault: Fault) -> None:
    """An unexpected value or an indefinite end is no breach of what the schedule expected."""
    steps = (
        ExpectAnswer(requirement="KV-02", operation=2, values=("a",)),
        ExpectAnswer(requirement="KV-04", operation=3),
    )
    tale = Handmade(steps=steps)
    tale.fault(1, fault)
    tale.put("a")
    tale.get()
    tale.put("b", end="INTERNAL")
    tale.heal(1)
    judgement = judge(tale.history())
    for name in ("KV-02", "KV-04"):
        assert not finding(judgement, name).breaches
        assert finding(judgement, name).unclear


def test_late_messages_leave_a_convergence_unjudged() -> None:
    """While a message that a fault made late may be on its way, nothing is settled, and nothing is idle."""
    for delay_ms, judged in ((60_000, False), (1, True)):
        tale = Handmade(steps=(Settle(), ExpectSettled(requirement="KV-06", key="k", values=())))
        tale.fault(1, MessageFault(action="delay", delay_ms=delay_ms))
        tale.put("a", end="UNAVAILABLE")
        tale.heal(1)
        tale.settle({"k": []})
        tale.get("a")
        tale.settle({"k": ["a"]}, changes={"n1": {"counters": msgspec.structs.replace(NOBODY, transfers=1)}})
        judgement = judge(tale.history())
        for name in ("SIB-03", "AE-03"):
            assert bool(finding(judgement, name).breaches) == judged
        assert not finding(judgement, "KV-06").breaches


def test_nothing_of_a_history_outlives_its_judgement() -> None:
    """Judging many histories one after another keeps none of them."""
    tale = five_nodes()
    tale.fault(1, Split(how="drop", left=("n1", "n2", "n3"), right=("n4", "n5")))
    tale.tick(2.0)
    tale.put("a")
    tale.get("a")
    tale.heal(1)
    tale.settle({"k": ["a"]})
    before = living()
    judge(tale.history())
    assert living() <= before


def living() -> set[int]:
    """The parts of histories under judgement that are still in use."""
    gc.collect()
    return {id(each) for each in gc.get_objects() if isinstance(each, Run | Disturbance | Causality)}


def invalid_puts(*ends: str) -> Finding:
    """KV-14 of a key that must keep its value through Puts that must be refused; they end so, and took effect."""
    steps = tuple(
        ExpectAnswer(requirement="KV-11", operation=2 + place, code="INVALID_ARGUMENT") for place in range(len(ends))
    )
    tale = Handmade(steps=(*steps, Settle(), ExpectSettled(requirement="KV-14", key="k", values=("a",))))
    tale.put("a")
    for place, end in enumerate(ends):
        tale.put(f"b{place}", malformed=True, end=end)
    tale.settle({"k": ["b0"]})
    judgement = judge(tale.history())
    assert bool(finding(judgement, "KV-11").breaches) == ("OK" in ends)
    return finding(judgement, "KV-14")


def test_what_was_acknowledged_was_no_definite_error() -> None:
    """A node that takes malformed input on breaks KV-11; KV-14 speaks of what a node has refused."""
    acknowledged = invalid_puts("OK", "OK")
    assert not acknowledged.breaches
    assert "Put #2 of 'b0' was acknowledged, which was to be refused" in acknowledged.unclear[0]
    assert invalid_puts("INVALID_ARGUMENT").breaches
