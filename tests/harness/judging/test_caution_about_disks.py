"""Judges accuse nobody of a loss that a destroyed disk, or a member that is gone, explains."""

import pytest
from tests.harness.judging.cautious import SILENT, finding

from ringcheck.judging import judge
from ringcheck.judging.disks import How
from ringcheck.judging.handmade import Handmade
from ringcheck.schedule import Configuration, ExpectAnswer, ExpectSettled, Settle
from ringcheck_chaos.faults import (
    DiskErrors,
)


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
