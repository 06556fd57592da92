"""Quiet stretches: what is proved for many operations at once is what is proved for each."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ringcheck.judging.handmade import Handmade
from ringcheck.judging.quiet import Quiet
from ringcheck.judging.run import Run
from ringcheck_chaos.faults import Isolate


def made_up(random: Random) -> Run:
    """Gets that take long or not, convergences that are looked into or not, crashes, faults, and hints counted."""
    tale = Handmade()
    if random.random() < 0.8:
        tale.look("start")
    for number in range(random.randint(1, 30)):
        match random.choice(["get", "get", "get", "look", "look", "settle", "kill", "fault", "count"]):
            case "get":
                tale.get(takes=random.choice([0.01, 0.1]), end=random.choice(["OK", "OK", "UNAVAILABLE", None]))
                tale.now -= random.choice([0.0, 0.005])
            case "look":
                tale.look()
            case "settle":
                tale.settle({}, by=random.choice(["inspect", "inspect", "reads"]))
            case "kill":
                tale.kill("n2")
                tale.restart("n2")
            case "fault":
                tale.fault(number, Isolate(how="drop", node="n3"))
                tale.heal(number)
            case _:
                tale.count("n1", hints_stored=1)
    return Run.of(tale.history())


@given(st.randoms(use_true_random=False))
def test_division_says_what_is_proven_of_each(random: Random) -> None:
    """Divided by stretch, every operation is in one part, whose last stop tells whether it was quiet for certain."""
    run = made_up(random)
    operations = list(run.operations.values())
    quiet = Quiet(run)
    parts = list(quiet.divided(operations))
    assert [each for _, part in parts for each in part] == operations
    for proven, part in parts:
        for each in part:
            assert (each.stop <= proven) == quiet.proven(each.start, each.stop)
