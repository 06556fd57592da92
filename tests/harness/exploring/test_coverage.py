"""What was seen to hold, and what never was."""

from ringcheck.exploring import coverage
from ringcheck.exploring.tally import Tally
from ringcheck.requirements import all_requirements

INSPECTED = ["describe", "inspect", "kv", "peer", "ring"]


def test_every_judged_requirement_is_of_the_contract() -> None:
    """The table names nothing that is retired or mistyped."""
    assert all_requirements().keys() >= coverage.JUDGED


def test_what_might_have_held_and_never_did_is_named() -> None:
    """Neither what held nor what was broken is missing."""
    tally = Tally(profiles=INSPECTED, held={"KV-01": 2}, broken={"DUR-01": 1})
    missing = set(coverage.never_held(tally))
    assert missing == coverage.JUDGED - {"KV-01", "DUR-01"}


def test_nothing_is_asked_of_profiles_that_nobody_declares() -> None:
    """A core of kv alone misses neither hints nor repairs."""
    tally = Tally(profiles=["describe", "kv"], events={"hints stored": 0, "restarts": 0, "convergences": 0})
    assert not any(name.startswith(("HND", "AE", "RNG", "RR")) for name in coverage.never_held(tally))
    assert coverage.never_seen(tally) == ("restarts",)


def test_what_only_reads_can_show_is_not_missed_where_one_can_look_inside() -> None:
    """Either kind of convergence is missed only where it could have been."""
    tally = Tally(profiles=INSPECTED, events={"convergences, as far as reads can show": 0, "convergences": 0})
    assert coverage.never_seen(tally) == ("convergences",)


def test_a_selection_is_kept_to() -> None:
    """--only says what is asked."""
    assert [each.requirement for each in coverage.verdicts(Tally(), ("KV-02", "KV-01"))] == ["KV-01", "KV-02"]


def test_what_is_asked_for_and_cannot_be_judged_is_skipped_with_its_reason() -> None:
    """Nobody should wait for what cannot come; but what came nevertheless is told."""
    asked = ("KV-03", "KV-14", "AVL-04", "HND-01", "PEER-01")
    found = coverage.verdicts(Tally(profiles=["describe", "kv", "peer"]), asked)
    assert {each.requirement: (each.status, *each.reasons) for each in found} == {
        "KV-03": ("skipped", "KV-03 takes schedules that expect certain answers, see `ringcheck run --core`"),
        "KV-14": ("inconclusive",),
        "AVL-04": ("inconclusive",),
        "HND-01": ("skipped", "HND-01 is about the profile inspect, which the core does not declare"),
        "PEER-01": ("skipped", "PEER-01 takes real nodes, see `ringcheck run`"),
    }
    (broken,) = coverage.verdicts(Tally(profiles=["kv"], broken={"KV-03": 1}), ("KV-03",))
    assert broken.status == "fail"
    assert "KV-03" not in coverage.moot(["KV-03"], ["kv"], "another.source")
