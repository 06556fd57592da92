"""Judges accuse nobody of what a fault, a late look or an indefinite write explains."""

import gc

import msgspec
import pytest

from ringcheck.history import Skipped
from ringcheck.judging import judge
from ringcheck.judging.causality import Causality
from ringcheck.judging.disks import How
from ringcheck.judging.handmade import NOBODY, Handmade, replica
from ringcheck.judging.run import Run
from ringcheck.judging.timeline import Disturbance
from ringcheck.judging.verdict import Finding, Judgement
from ringcheck.schedule import Configuration, ExpectAnswer, ExpectSettled, Get, Put, Settle
from ringcheck_chaos.faults import (
    CLIENT,
    ClockSkew,
    DiskErrors,
    Fault,
    Isolate,
    LinkFault,
    MessageFault,
    Split,
    describe,
)

SILENT = Finding(requirement="")


def finding(judgement: Judgement, name: str) -> Finding:
    """What a judgement says of one requirement, something without content where it says nothing."""
    return judgement.findings.get(name, SILENT)


SIMULATED: tuple[Fault, ...] = (
    MessageFault(action="lose", kind="write"),
    MessageFault(action="repeat", every=3, delay_ms=20),
    MessageFault(action="delay", answers=True, delay_ms=200, source="n1"),
    DiskErrors(node="n1"),
    DiskErrors(node="n2"),
    ClockSkew(node="n1", rate=5.0),
    ClockSkew(node="n3", jump_ms=60_000),
)
"""Faults of messages, disks and clocks: nobody can say what still works under them."""

simulated = pytest.mark.parametrize("fault", SIMULATED, ids=[describe(fault) for fault in SIMULATED])


def five_nodes() -> Handmade:
    """Five nodes, N=3."""
    return Handmade(configuration=Configuration(nodes=5))


def test_answer_is_not_owed_until_failure_is_detected() -> None:
    """A Put that fails just after a split began breaks nothing, and proves nothing."""
    tale = five_nodes()
    tale.fault(1, Split(how="drop", left=("n1", "n2", "n3"), right=("n4", "n5")))
    tale.put("a", end="UNAVAILABLE")
    assert finding(judge(tale.history()), "AVL-01") == SILENT


def test_answer_is_not_owed_while_somebody_else_is_being_lost() -> None:
    """A Put that fails while a node outside its group is killed breaks nothing."""
    tale = five_nodes()
    tale.tick(2.0)
    tale.kill("n5")
    tale.put("a", end="UNAVAILABLE")
    assert finding(judge(tale.history()), "AVL-01") == SILENT


def test_answer_is_not_owed_over_a_cut_way_to_the_client() -> None:
    """A Get that fails because the client cannot reach the node breaks nothing."""
    tale = five_nodes()
    tale.fault(1, LinkFault(how="stall", source=CLIENT, target="n1"))
    tale.tick(2.0)
    tale.get(end="DEADLINE_EXCEEDED")
    assert finding(judge(tale.history()), "AVL-02") == SILENT


def test_answer_is_not_owed_by_members_of_too_few_hosts() -> None:
    """Three members on two hosts are two machines, and cannot hold three copies."""
    tale = Handmade(configuration=Configuration(nodes=5, hosts=("h1", "h2", "h2", "h4", "h5")))
    tale.fault(1, Split(how="drop", left=("n1", "n2", "n3"), right=("n4", "n5")))
    tale.tick(2.0)
    tale.put("a", node="n1", end="UNAVAILABLE", w=3)
    tale.heal(1)
    assert finding(judge(tale.history()), "AVL-01") == SILENT


def test_slow_link_neither_counts_as_open_nor_as_cut() -> None:
    """With slow links to all others a Put may fail, and may be acknowledged."""
    for end in ("OK", "UNAVAILABLE"):
        tale = Handmade()
        tale.fault(1, LinkFault(how="latency", source="n1", target="n2", latency_ms=500))
        tale.fault(2, LinkFault(how="latency", source="n1", target="n3", latency_ms=500))
        tale.tick(2.0)
        tale.put("a", end=end)
        judgement = judge(tale.history())
        assert finding(judgement, "AVL-01") == finding(judgement, "AVL-03") == SILENT


def test_acknowledgement_is_not_denied_when_the_cut_came_or_ended_meanwhile() -> None:
    """A Put that was open when the isolation of its node began or ended may be acknowledged."""
    tale = Handmade()
    first = tale.put("a", end=None)
    tale.fault(1, Isolate(how="drop", node="n1"))
    tale.put("b", takes=0.5)
    late = tale.events.pop()
    tale.heal(1)
    tale.events.append(msgspec.structs.replace(late, time=tale.tick()))
    assert first == 1
    assert not finding(judge(tale.history()), "AVL-03").breaches


def test_one_way_cut_is_not_mutual_reach() -> None:
    """A node that can send to two others but hears of none counts as alone."""
    tale = Handmade()
    for number, other in enumerate(("n2", "n3")):
        tale.fault(number, LinkFault(how="drop", source=other, target="n1", one_way=True))
    tale.tick(2.0)
    tale.put("a", end="UNAVAILABLE")
    assert finding(judge(tale.history()), "AVL-03").held == 1


def test_recency_is_not_judged_when_a_hint_was_stored() -> None:
    """An old answer breaks nothing when some quorum may have been met by stand-ins."""
    tale = Handmade()
    tale.look("start")
    tale.put("a")
    tale.get(node="n3")
    tale.count("n2", hints_stored=1)
    tale.look()
    assert finding(judge(tale.history()), "KV-13") == SILENT


def test_recency_is_not_judged_for_quorums_that_need_not_meet() -> None:
    """With R+W=N a Get may miss a write."""
    tale = Handmade()
    tale.look("start")
    tale.put("a", w=2)
    tale.get(r=1, node="n3")
    tale.look()
    assert not finding(judge(tale.history()), "KV-13").breaches


def test_recency_allows_what_a_concurrent_write_superseded() -> None:
    """A Get may return what superseded an acknowledged write, also through a Delete that is not acknowledged."""
    tale = Handmade()
    tale.look("start")
    first = tale.put("a")
    tale.put("b", context=first, end=None)
    tale.get("b", node="n2")
    tale.delete(first, end=None)
    tale.get(node="n3")
    tale.look()
    assert finding(judge(tale.history()), "KV-13") == Finding(requirement="KV-13", held=1)


def test_recency_does_not_look_for_what_went_with_a_disk() -> None:
    """A write that one node alone acknowledged is gone with its disk, and quiet times do not bring it back."""
    tale = Handmade()
    tale.look("start")
    tale.put("a", w=1, node="n1")
    tale.lose("n1")
    tale.settle({"k": []})
    tale.get(r=3, node="n2")
    tale.look()
    assert not finding(judge(tale.history()), "KV-13").breaches


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
def test_answer_is_not_owed_while_nobody_can_say_what_works(fault: Fault) -> None:
    """With messages lost, a disk that fails or a clock that runs wild, a Put and a Get may fail, at W=1 too."""
    tale = Handmade()
    tale.fault(1, fault)
    tale.tick(2.0)
    for quorum in (1, 2, 3):
        tale.put(f"v{quorum}", w=quorum, end="UNAVAILABLE")
        tale.get(r=quorum, end="UNAVAILABLE")
    tale.heal(1)
    tale.put("b", end="UNAVAILABLE")
    judgement = judge(tale.history())
    assert finding(judgement, "AVL-01") == finding(judgement, "AVL-02") == SILENT


@simulated
def test_answer_is_not_denied_where_messages_may_get_through(fault: Fault) -> None:
    """Under the same faults a Put and a Get may be answered OK."""
    tale = Handmade()
    tale.fault(1, fault)
    tale.tick(2.0)
    tale.put("a", w=3)
    tale.get("a", r=3)
    tale.heal(1)
    judgement = judge(tale.history())
    assert finding(judgement, "AVL-03") == finding(judgement, "AVL-05") == SILENT


@simulated
def test_answer_among_too_few_is_denied_under_other_faults_too(fault: Fault) -> None:
    """What is cut stays cut, whatever else is wrong."""
    tale = Handmade()
    tale.fault(1, Isolate(how="drop", node="n1"))
    tale.fault(2, fault)
    tale.tick(2.0)
    tale.put("a")
    assert finding(judge(tale.history()), "AVL-03").breaches


@simulated
def test_recency_is_not_owed_under_any_fault(fault: Fault) -> None:
    """A Get may miss a write when messages, a disk or a clock suffered since the last convergence."""
    for healed in (False, True):
        tale = Handmade()
        tale.look("start")
        tale.fault(1, fault)
        tale.put("a")
        if healed:
            tale.heal(1)
        tale.get(node="n3")
        tale.look()
        assert finding(judge(tale.history()), "KV-13") == SILENT


def test_recency_is_not_owed_after_a_disk_was_destroyed() -> None:
    """A Get may miss a write that a wiped node has lost; after the next convergence it may not."""
    for settled in (False, True):
        tale = Handmade()
        tale.look("start")
        tale.put("a")
        tale.lose("n1")
        if settled:
            tale.settle({"k": ["a"]})
        tale.get(node="n3")
        tale.look()
        assert bool(finding(judge(tale.history()), "KV-13").breaches) == settled


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


def test_expected_values_are_unclear_when_their_disks_were_destroyed() -> None:
    """What W disks held may be gone when W were destroyed; when fewer were, it may not."""
    steps = (
        ExpectAnswer(requirement="KV-04", operation=2, values=("a",)),
        Settle(),
        ExpectSettled(requirement="KV-06", key="k", values=("a",)),
    )
    for w, owed in ((1, False), (2, True)):
        tale = Handmade(steps=steps, profiles=("kv", "describe"))
        tale.put("a", w=w)
        tale.lose("n1")
        tale.get()
        tale.settle({"k": []}, by="reads")
        judgement = judge(tale.history())
        assert not finding(judgement, "KV-04").breaches
        assert bool(finding(judgement, "KV-06").breaches) == owed


@pytest.mark.parametrize("how", ["wiped", "rolled back"])
def test_write_is_not_owed_when_as_many_disks_are_destroyed_as_hold_it(how: How) -> None:
    """With W disks destroyed an acknowledged write may be gone; what it superseded may be back."""
    for w in (1, 2):
        tale = Handmade()
        first = tale.put("a", w=3)
        tale.put("b", context=first, w=w)
        tale.delete(first, key="k", w=w)
        tale.lose(*tale.nodes[:w], how=how)
        tale.settle({"k": ["a"]})
        findings = judge(tale.history()).findings
        assert [each for each in findings.values() if each.breaches] == []
        assert f"W={w} nodes" in findings["DUR-03" if how == "wiped" else "DUR-04"].unclear[0]


def test_delete_that_may_be_lost_excuses_what_it_may_have_removed() -> None:
    """A version may be gone or be back when the disks of an acknowledged Delete were destroyed."""
    for values in ([], ["a"]):
        tale = Handmade()
        tale.delete(tale.put("a", w=3), w=1)
        tale.lose("n1")
        tale.settle({"k": values})
        assert [each for each in judge(tale.history()).findings.values() if each.breaches] == []


def test_budget_is_counted_from_the_write_to_the_next_convergence() -> None:
    """A disk destroyed before the write, or after a convergence, does not count; one node counts once."""
    tale = Handmade()
    tale.lose("n1")
    tale.put("a")
    tale.lose("n2")
    tale.lose("n2")
    tale.settle({"k": ["a"]})
    tale.lose("n3")
    tale.settle({"k": []})
    found = finding(judge(tale.history()), "DUR-03")
    assert found.held == 1
    assert [breach.operations[0] for breach in found.breaches] == [1]


def test_nothing_is_owed_when_all_disks_are_destroyed() -> None:
    """With the disks of all owners gone, a version may be lost, and a deleted one come back from an old copy."""
    tale = Handmade()
    tale.delete(tale.put("a"))
    tale.put("b")
    tale.settle({"k": ["b"]})
    tale.lose(*tale.nodes, how="rolled back")
    tale.get("a")
    tale.settle({"k": ["a"]})
    assert [each for each in judge(tale.history()).findings.values() if each.breaches] == []


def test_convergence_seen_by_reads_alone_proves_no_copies() -> None:
    """Where no replica was looked into, one disk may have held all that the reads returned."""
    tale = Handmade(profiles=("kv", "describe"))
    tale.put("a")
    tale.settle({"k": ["a"]}, by="reads")
    tale.lose("n1")
    tale.settle({"k": []}, by="reads")
    assert [each for each in judge(tale.history()).findings.values() if each.breaches] == []


def test_version_read_once_may_be_lost_with_a_disk() -> None:
    """An indefinite Put whose value a Get returned need not outlive the disk that held it."""
    tale = Handmade()
    tale.put("a", end="UNAVAILABLE")
    tale.get("a")
    tale.lose("n1")
    tale.settle({"k": []})
    judgement = judge(tale.history())
    assert not any(finding(judgement, name).breaches for name in ("DUR-01", "DUR-03"))


def test_deleted_version_may_be_read_until_the_convergence_after_a_roll_back() -> None:
    """A Get that ends after a disk was rolled back may return what an old copy holds."""
    for lost, resurrected in ((False, True), (True, False)):
        tale = Handmade()
        tale.delete(tale.put("a"))
        tale.settle({"k": []})
        if lost:
            tale.lose("n1", how="rolled back")
        tale.get("a", node="n2")
        tale.settle({"k": []})
        assert bool(finding(judge(tale.history()), "SIB-03").breaches) == resurrected


def test_hint_may_go_with_the_disk_that_held_it() -> None:
    """A holder that lost its disk, or whose disk failed, need not have kept a hint through a crash, nor deliver it."""
    for how in ("wiped", "errors", "crash"):
        tale = Handmade(configuration=Configuration(nodes=4))
        if how == "errors":
            tale.fault(1, DiskErrors(node="n4"))
        tale.kill("n3")
        tale.put("a", w=1)
        tale.hints.add(("n4", "n3", "k"))
        tale.look(condition="hint")
        if how == "wiped":
            tale.lose("n4")
        else:
            tale.kill("n4")
            tale.restart("n4")
        tale.hints.clear()
        tale.look()
        if how == "errors":
            tale.heal(1)
        tale.settle({"k": []} if how == "wiped" else {})
        judgement = judge(tale.history())
        for name in ("HND-02", "HND-03"):
            assert bool(finding(judgement, name).breaches) == (how == "crash")


def test_hint_goes_with_a_holder_that_is_removed() -> None:
    """What a node kept that was killed and removed need not arrive."""
    tale = Handmade(configuration=Configuration(nodes=5), profiles=("describe", "inspect", "kv", "membership", "ring"))
    tale.kill("n2")
    tale.hints.add(("n5", "n2", "k"))
    tale.put("a", end="UNAVAILABLE")
    tale.look(condition="hint")
    tale.kill("n5")
    tale.remove("n5")
    tale.hints.clear()
    tale.settle({"k": []})
    for name in ("HND-02", "HND-03"):
        assert finding(judge(tale.history()), name) == SILENT


def test_target_need_not_hold_what_its_disk_took_along() -> None:
    """What was handed off to a node that was wiped afterwards may be gone from it."""
    tale = Handmade(configuration=Configuration(nodes=4))
    tale.kill("n3")
    tale.put("a", w=1)
    tale.hints.add(("n4", "n3", "k"))
    tale.look(condition="hint")
    tale.restart("n3")
    tale.hints.clear()
    tale.lose("n3")
    tale.settle({"k": []})
    assert finding(judge(tale.history()), "HND-03") == SILENT


@pytest.mark.parametrize("lifetime", [0, 6_000])
def test_what_was_handed_off_may_have_been_reaped_since(lifetime: int) -> None:
    """A target and the other owners may hold nothing of what had been deleted, where tombstones are reaped at all."""
    tale = Handmade(configuration=Configuration(nodes=4, tombstone_lifetime_ms=lifetime))
    tale.kill("n3")
    tale.hints.add(("n4", "n3", "k"))
    tale.delete(context=tale.put("a"))
    tale.look(condition="hint")
    tale.restart("n3")
    tale.hints.clear()
    tale.settle({"k": []})
    found = finding(judge(tale.history()), "HND-03")
    assert bool(found.breaches) == (lifetime == 0)
    assert not found.held


@pytest.mark.parametrize("lifetime", [0, 6_000])
def test_who_inherits_what_was_deleted_may_have_reaped_it(lifetime: int) -> None:
    """The new owners of what was kept for a node that is gone need not have a tombstone of it."""
    profiles = ("describe", "inspect", "kv", "membership", "ring")
    tale = Handmade(configuration=Configuration(nodes=5, tombstone_lifetime_ms=lifetime), profiles=profiles)
    tale.kill("n3")
    tale.delete(context=tale.put("a"))
    tale.hints.add(("n5", "n3", "k"))
    tale.look(condition="hint")
    tale.remove("n3")
    tale.hints.clear()
    tale.settle({"k": []})
    found = finding(judge(tale.history()), "HND-04")
    assert bool(found.breaches) == (lifetime == 0)


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


def test_repair_is_unclear_when_a_disk_failed_before_the_next_look() -> None:
    """A read repair may have failed at a disk that refuses writes."""
    hour = 3_600_000
    tale = Handmade(configuration=Configuration(nodes=3, anti_entropy_interval_ms=hour, handoff_interval_ms=hour))
    tale.put("a")
    tale.data = {("n1", "k"): b"a", ("n2", "k"): b"a"}
    tale.look(condition="differ")
    tale.get("a", r=3)
    tale.fault(1, DiskErrors(node="n3"))
    tale.look(condition="equal", met=False)
    found = finding(judge(tale.history()), "RR-01")
    assert not found.breaches
    assert found.unclear


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


def test_a_slow_replica_of_nodes_that_show_no_ring_is_said_to_be_so() -> None:
    """Not that it never happened: it did, and the profile is named that would let it be judged."""
    for profiles in (("kv", "describe"), ("kv", "describe", "ring", "inspect")):
        tale = Handmade(profiles=profiles)
        tale.put("a")
        if "ring" in profiles:
            tale.look()
        tale.fault(1, Isolate(how="stall", node="n3"))
        tale.tick(2.0)
        for number in range(4):
            tale.put(f"b{number}", takes=0.4)
        tale.heal(1)
        found = finding(judge(tale.history()), "AVL-04")
        assert bool(found.breaches) == ("ring" in profiles)
        assert any("does not declare the profile ring" in why for why in found.unclear) == ("ring" not in profiles)
