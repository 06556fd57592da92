"""PEER-01 and PEER-02: what harm looks like, its clean twin, and who is not to be accused."""

# ruff: noqa: D103 -- the names of the planted histories are sentences themselves

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
import pytest

from ringcheck.history import History
from ringcheck.judging import explain, judge
from ringcheck.judging.handmade import Handmade
from ringcheck.judging.verdict import Finding, combine
from ringcheck.schedule import Configuration
from ringcheck_chaos.faults import Isolate, MessageFault

Plant: TypeAlias = Callable[[bool], Handmade]

PLANTS: list[Plant] = []
PEERS = ("describe", "inspect", "kv", "peer", "ring")
MOVERS = (*PEERS, "membership")
NOBODY_MOVED = "no member came or went there: the target does not declare membership"


def plant(tell: Plant) -> Plant:
    """Register a history that breaks PEER-02 when it is asked to, and holds it otherwise."""
    PLANTS.append(tell)
    return tell


def disturbed(**how: Any) -> Handmade:
    """A member is down, and n1 has to listen to the harness in its place."""
    tale = Handmade(profiles=PEERS)
    tale.put("a")
    tale.kill("n3")
    tale.disturb(**how)
    return tale


@plant
def the_node_ends_of_it(wrong: bool) -> Handmade:
    tale = disturbed(**({"answered": False, "messages": {}, "why": "the stream was ended"} if wrong else {}))
    if wrong:
        tale.kill("n1", by_us=False)
    tale.settle({"k": ["a"]})
    return tale


@plant
def the_stream_is_served_no_more(wrong: bool) -> Handmade:
    return disturbed(answered=not wrong, why="ping was not answered within 5 s" if wrong else "")


@plant
def no_stream_is_greeted_any_more(wrong: bool) -> Handmade:
    return disturbed(why="Hello was answered by refusal" if wrong else "")


@plant
def the_node_has_restarted(wrong: bool) -> Handmade:
    return disturbed(**({"incarnation": ("n1-1", "n1-2")} if wrong else {}))


@plant
def the_node_is_not_serving(wrong: bool) -> Handmade:
    return disturbed(serving=not wrong)


@plant
def a_forward_is_carried_out_twice(wrong: bool) -> Handmade:
    tale = disturbed()
    tale.get("a", "a") if wrong else tale.get("a")
    tale.settle({"k": ["a"]})
    return tale


@plant
def a_value_that_nobody_put_is_read(wrong: bool) -> Handmade:
    tale = disturbed()
    tale.settle({"k": ["a", "?nobody"] if wrong else ["a"]})
    return tale


@plant
def what_was_said_before_brings_an_old_value_back(wrong: bool) -> Handmade:
    tale = Handmade(profiles=PEERS)
    tale.put("b", context=tale.put("a"))
    tale.kill("n3")
    tale.disturb()
    tale.settle({"k": ["a", "b"] if wrong else ["b"]})
    return tale


@plant
def a_write_is_lost_to_messages_that_came_twice(wrong: bool) -> Handmade:
    tale = Handmade(profiles=PEERS)
    tale.fault(1, MessageFault(action="repeat", delay_ms=10))
    tale.put("a")
    tale.heal(1, messages=3)
    tale.tick(1)
    tale.settle({"k": [] if wrong else ["a"]})
    return tale


parametrize = pytest.mark.parametrize("tell", PLANTS, ids=[tell.__name__ for tell in PLANTS])


def finding(history: History, requirement: str = "PEER-02") -> Finding:
    """What the judge says of one requirement."""
    return judge(history).findings[requirement]


@parametrize
def test_planted_breach_is_charged(tell: Plant) -> None:
    """Harm is charged to PEER-02, and its story can be told."""
    history = tell(True).history()
    for breach in finding(history).breaches:
        story = explain(history, breach)
        assert breach.expected in story
        assert breach.actual in story
    assert finding(history).breaches


@parametrize
def test_clean_twin_holds(tell: Plant) -> None:
    """Without it as many messages hold as did no harm, and nothing is broken."""
    judgement = judge(tell(False).history())
    assert [each for each, finding in judgement.findings.items() if finding.breaches] == []
    assert judgement.findings["PEER-02"].held in {3, 5}


def test_harm_stays_charged_to_what_forbids_it() -> None:
    """PEER-02 comes besides."""
    findings = judge(a_value_that_nobody_put_is_read(True).history()).findings
    assert findings["SIB-04"].breaches
    assert findings["PEER-02"].breaches[0].operations == findings["SIB-04"].breaches[0].operations


def test_harm_under_another_fault_is_not_charged_to_messages() -> None:
    """Nobody can tell what it was: only the requirement that is broken fails."""
    tale = Handmade(profiles=PEERS)
    tale.put("a")
    tale.fault(1, Isolate(how="drop", node="n2"))
    tale.heal(1)
    tale.kill("n3")
    tale.disturb()
    tale.settle({"k": []})
    findings = judge(tale.history()).findings
    assert findings["DUR-01"].breaches
    assert not findings["PEER-02"].breaches


def test_harm_before_any_nonsense_is_none_of_its_doing() -> None:
    """What was read before the first message counts for itself alone."""
    tale = Handmade(profiles=PEERS)
    tale.get("nobody's")
    tale.kill("n3")
    tale.disturb()
    findings = judge(tale.history()).findings
    assert findings["SIB-04"].breaches
    assert not findings["PEER-02"].breaches


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"greeted": False, "messages": {}, "answered": False, "why": "the stream was ended"}, "did not take"),
        ({"answered": False, "messages": {}, "why": "the stream was ended"}, "while there was a fault"),
    ],
)
def test_who_could_not_be_spoken_to_is_not_accused(how: dict[str, Any], why: str) -> None:
    """A node that never greeted the harness, or was cut off from it, has shown nothing."""
    tale = Handmade(profiles=PEERS)
    tale.put("a")
    tale.kill("n3")
    if how["answered"] is False and "greeted" not in how:
        tale.fault(1, Isolate(how="down", node="n1"))
    tale.disturb(**how)
    found = finding(tale.history())
    assert not found.breaches
    assert not found.held
    assert why in found.unclear[0]


def test_lost_messages_are_not_repeated_ones() -> None:
    """Loss is another matter, and counts for nothing here."""
    tale = Handmade(profiles=PEERS)
    tale.fault(1, MessageFault(action="lose"))
    tale.put("a")
    tale.heal(1, messages=3)
    tale.settle({"k": ["a"]})
    assert "PEER-02" not in judge(tale.history()).findings


def mixed(tale: Handmade, *, peers: tuple[str, ...] = ("n1", "n2", "n3"), profiles: tuple[str, ...] = PEERS) -> History:
    """The history on a mixed cluster; only `peers` declare peer, and the rest of `profiles`."""
    history = tale.history()
    nodes = {
        name: msgspec.structs.replace(
            each,
            implementation="other" if name == "n2" else each.implementation,
            profiles=profiles if name in peers else ("describe", "kv"),
        )
        for name, each in history.header.nodes.items()
    }
    return msgspec.structs.replace(history, header=msgspec.structs.replace(history.header, nodes=nodes))


def on_mixed() -> Handmade:
    """A tale of a mixed cluster."""
    return Handmade(profiles=PEERS, configuration=Configuration(nodes=3, mixed=True))


def test_what_holds_on_a_mixed_cluster_counts_for_peer_01_alone() -> None:
    """All that was seen there is added up, and it is told who the nodes were."""
    tale = on_mixed()
    tale.put("a")
    tale.settle({"k": ["a"]})
    findings = judge(mixed(tale)).findings
    assert set(findings) == {"PEER-01"}
    assert findings["PEER-01"].held > 0
    assert findings["PEER-01"].remarks == (
        "seen on clusters of handmade 0 and other 0, in turn (n1, n2, …)",
        NOBODY_MOVED,
    )


def test_a_breach_on_a_mixed_cluster_is_told_with_peer_01() -> None:
    """Its requirement and its sentence stand in the story."""
    tale = on_mixed()
    tale.put("a")
    tale.kill("n1")
    tale.settle({"k": []})
    history = mixed(tale)
    (breach, *_) = finding(history, "PEER-01").breaches
    story = explain(history, breach)
    assert story.startswith("PEER-01 (MUST)")
    assert "DUR-01 is broken (No acknowledged write is lost" in story
    assert combine("PEER-01", "peer", [("h", judge(history))]).status == "fail"


def test_a_cluster_of_the_same_is_called_so() -> None:
    """The verdict of the reference says how little it means."""
    tale = on_mixed()
    tale.put("a")
    tale.settle({"k": ["a"]})
    verdict = combine("PEER-01", "peer", [("h", judge(tale.history()))])
    assert verdict.status == "pass"
    same = "the target is handmade 0, as the reference is: this was a cluster of the same"
    assert verdict.remarks == (same, NOBODY_MOVED)


def test_which_kinds_came_and_went_is_told() -> None:
    """Once for all histories, of the changes that were answered OK; and nothing of it where nobody was to move."""
    still = Handmade(profiles=MOVERS, configuration=Configuration(nodes=3, mixed=True))
    tale = Handmade(profiles=MOVERS, configuration=Configuration(nodes=3, mixed=True))
    tale.join("n4")
    tale.join("n5", code="UNAVAILABLE")
    tale.leave("n2")
    tale.remove("n1", code="FAILED_PRECONDITION")
    tale.remove("n3")
    again = Handmade(profiles=MOVERS, configuration=Configuration(nodes=3, mixed=True))
    again.leave("n2")
    _, *moved = finding(mixed(tale, profiles=MOVERS), "PEER-01").remarks
    assert moved == [
        "a node of handmade 0 joined there",
        "a node of other 0 left there",
        "a node of handmade 0 was removed there",
    ]
    assert finding(mixed(again, profiles=MOVERS), "PEER-01").remarks[1:] == (moved[1],)
    assert finding(mixed(still, profiles=MOVERS), "PEER-01").remarks[1:] == ()


def test_who_keeps_tombstones_for_ever_is_told() -> None:
    """Where they were to be reaped; then nobody reaps them."""
    configuration = Configuration(nodes=3, mixed=True, tombstone_lifetime_ms=1_000)
    history = mixed(Handmade(profiles=MOVERS, configuration=configuration), profiles=MOVERS)
    assert finding(history, "PEER-01").remarks[1:] == ()
    nodes = history.header.nodes
    nodes = {**nodes, "n2": msgspec.structs.replace(nodes["n2"], tombstone_lifetime_ms=0)}
    kept = msgspec.structs.replace(history, header=msgspec.structs.replace(history.header, nodes=nodes))
    assert finding(kept, "PEER-01").remarks[1:] == ("no tombstone was reaped there: other 0 keeps them for ever",)


def test_a_target_that_is_no_peer_is_skipped() -> None:
    """On a mixed cluster what both declare counts."""
    tale = on_mixed()
    judgement = judge(mixed(tale, peers=("n2",)))
    assert judgement.findings == {}
    assert combine("PEER-01", "peer", [("h", judgement)]).status == "skipped"


def test_a_broken_should_breaks_no_must() -> None:
    """RR-01 may fail, and PEER-01 holds."""
    from ringcheck.judging.mixing import judge_mixed
    from ringcheck.judging.run import Run
    from ringcheck.judging.verdict import Breach

    run = Run.of(mixed(on_mixed()))
    breach = Breach(requirement="RR-01", expected="Repair.", actual="None.")
    found = judge_mixed(run, {"RR-01": Finding(requirement="RR-01", held=1, breaches=(breach,))})
    assert not found["PEER-01"].breaches
