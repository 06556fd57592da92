"""What a busy machine brings about is held against nobody; what a target does by itself still is."""

import pytest

from ringcheck.history import Starved
from ringcheck.judging import judge
from ringcheck.judging.handmade import Handmade
from ringcheck.judging.starvation import Starvation
from ringcheck.judging.verdict import Finding, Judgement
from ringcheck_chaos.faults import Isolate

SILENT = Finding(requirement="")
AVL_04 = 6
"""So many operations are asked while one replica is silent."""


def finding(tale: Handmade, name: str) -> Finding:
    """What is said of one requirement."""
    return judge(tale.history()).findings.get(name, SILENT)


def slow_answer(kind: str, end: str, takes: float, starved_s: float, waited_s: float) -> Handmade:
    """One operation while n3, which it can do without, is cut off; meanwhile, or just before, the machine was busy."""
    tale = Handmade()
    tale.fault(1, Isolate(how="drop", node="n3"))
    tale.tick(5.0)
    if kind == "put":
        tale.put("a", end=end, takes=takes)
    else:
        tale.get(end=end, takes=takes)
    if starved_s:
        tale.starve(starved_s, waited_s=waited_s)
    return tale


@pytest.mark.parametrize(("kind", "name"), [("put", "AVL-01"), ("get", "AVL-02")])
@pytest.mark.parametrize(("end", "takes"), [("UNAVAILABLE", 2.2), ("DEADLINE_EXCEEDED", 3.1), ("OK", 3.5)])
def test_an_answer_that_a_busy_machine_delayed_is_not_judged(kind: str, name: str, end: str, takes: float) -> None:
    """It is inconclusive, and the reason names the machine and what to do."""
    busy = finding(slow_answer(kind, end, takes, 2.0, 6.0), name)
    assert not busy.breaches
    assert "machine too busy" in busy.unclear[0]
    assert "quieter machine" in busy.unclear[0]


@pytest.mark.parametrize(("kind", "name"), [("put", "AVL-01"), ("get", "AVL-02")])
@pytest.mark.parametrize(("end", "takes"), [("UNAVAILABLE", 0.01), ("DEADLINE_EXCEEDED", 3.1), ("OK", 3.5)])
def test_a_slow_target_on_a_quiet_machine_is_charged(kind: str, name: str, end: str, takes: float) -> None:
    """Also where it waited for a core for less than the shortest time-out."""
    assert finding(slow_answer(kind, end, takes, 0.0, 0.0), name).breaches
    assert finding(slow_answer(kind, end, takes, 0.25, 0.2), name).breaches


def test_an_error_of_the_nodes_own_is_charged_however_busy_the_machine_is() -> None:
    """No wait for a core makes a node answer INTERNAL."""
    assert finding(slow_answer("put", "INTERNAL", 0.01, 2.0, 6.0), "AVL-01").breaches


def test_a_stall_that_had_long_passed_excuses_nothing() -> None:
    """A node has a detection deadline to find out that others are still there; after that it owes an answer."""
    tale = Handmade()
    tale.tick(5.0)
    tale.starve(5.0)
    tale.tick(tale.configuration.detection_deadline_ms / 1000 + 0.5)
    tale.put("a", end="UNAVAILABLE")
    assert finding(tale, "AVL-01").breaches


def beside_a_silent_replica(*, starved: bool, takes: float) -> Handmade:
    """Gets that n1 could answer without n3, and that take `takes` seconds."""
    tale = Handmade()
    tale.put("a")
    tale.look("start")
    tale.fault(1, Isolate(how="stall", node="n3"))
    tale.tick(5.0)
    for _ in range(AVL_04):
        tale.get("a", node="n2", takes=takes)
        if starved:
            tale.starve(takes)
    tale.heal(1)
    return tale


def test_a_silent_replica_that_slows_nobody_but_for_the_machine() -> None:
    """On a busy machine AVL-04 is not judged by what was late; on a quiet one it is broken."""
    busy = finding(beside_a_silent_replica(starved=True, takes=0.4), "AVL-04")
    assert not busy.breaches
    assert "machine too busy" in busy.unclear[0]
    assert finding(beside_a_silent_replica(starved=False, takes=0.4), "AVL-04").breaches
    # What was quick all the same counts.
    assert finding(beside_a_silent_replica(starved=True, takes=0.02), "AVL-04").held == AVL_04


def diverged(starved_s: float) -> Judgement:
    """A Settle that was given up with a hint left and different data."""
    tale = Handmade()
    tale.data = {("n1", "k"): b"one", ("n2", "k"): b"two"}
    tale.put("a")
    tale.hints.add(("n1", "n3", "k"))
    tale.settle({}, diverged=("n1 and n2 differ.",))
    if starved_s:
        tale.starve(starved_s)
    return judge(tale.history())


def test_convergence_that_a_busy_machine_delayed_is_not_judged() -> None:
    """Nor what else was to be done within the same deadline."""
    broken = {name for name, each in diverged(0.0).findings.items() if each.breaches}
    assert {"AE-01", "HND-01"} <= broken
    busy = diverged(10.0).findings
    assert not [name for name, each in busy.items() if each.breaches]
    assert all("machine too busy" in " ".join(busy[name].unclear) for name in broken)


def test_a_moment_does_not_excuse_a_cluster_that_had_all_the_rest_to_converge_in() -> None:
    """A quarter of the time must be gone."""
    assert diverged(0.005).findings["AE-01"].breaches


def test_how_much_was_taken_away() -> None:
    """By the stretches that are touched; the share counts only what lies within."""
    starvation = Starvation(
        [
            Starved(began=1.0, time=2.0, waited_s=3.0, ran_s=0.1),
            Starved(began=4.0, time=5.0, waited_s=1.0, ran_s=0.1),
        ]
    )
    assert starvation.waited_s(1.5, 4.5) == 4.0
    assert starvation.waited_s(2.5, 3.5) == 0.0
    assert starvation.share(1.5, 4.5) == pytest.approx(1 / 3)
    assert starvation.share(2.5, 3.5) == starvation.share(3.0, 3.0) == 0.0
    assert starvation.total_s == 2.0


def test_it_is_counted_where_it_happened() -> None:
    """A reader of the summary sees how busy the machine was, and nothing where it was not."""
    what = "seconds in which the machine was too busy"
    assert judge(slow_answer("put", "OK", 0.1, 1.5, 2.0).history()).events[what] == 2
    assert what not in judge(slow_answer("put", "OK", 0.1, 0.0, 0.0).history()).events
