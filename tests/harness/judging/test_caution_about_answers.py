"""Judges promise no answer, deny none, and ask for none that is new, where nobody can say what works."""

import msgspec
from tests.harness.judging.cautious import SILENT, finding, five_nodes, simulated

from ringcheck.judging import judge
from ringcheck.judging.handmade import Handmade
from ringcheck.judging.verdict import Finding
from ringcheck.schedule import Configuration
from ringcheck_chaos.faults import (
    CLIENT,
    Fault,
    Isolate,
    LinkFault,
    Pause,
    Split,
)


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


def test_answer_is_not_owed_by_a_node_that_is_paused_nor_with_it() -> None:
    """Neither by the paused node itself, nor by two others where all three copies are wanted."""
    for node, w in (("n3", 1), ("n1", 3)):
        tale = Handmade()
        tale.fault(1, Pause("n3"))
        tale.tick(2.0)
        tale.put("a", node=node, w=w, end="UNAVAILABLE")
        tale.get(node=node, r=w, end="DEADLINE_EXCEEDED")
        judgement = judge(tale.history())
        assert not finding(judgement, "AVL-01").breaches
        assert not finding(judgement, "AVL-02").breaches


def test_answer_is_owed_by_those_who_are_not_paused_and_denied_where_they_are_too_few() -> None:
    """A paused node is as good as none: two of three are enough for two copies, and not for three."""
    for w, end, requirement in ((2, "UNAVAILABLE", "AVL-01"), (3, "OK", "AVL-03")):
        tale = Handmade()
        tale.fault(1, Pause("n3"))
        tale.tick(2.0)
        tale.put("a", w=w, end=end)
        assert finding(judge(tale.history()), requirement).breaches


def test_answer_is_not_owed_until_those_who_go_on_are_detected() -> None:
    """A Put that fails just after a pause breaks nothing."""
    tale = Handmade()
    tale.fault(1, Pause("n3"))
    tale.tick(2.0)
    tale.heal(1)
    tale.put("a", w=3, end="UNAVAILABLE")
    assert finding(judge(tale.history()), "AVL-01") == SILENT


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
