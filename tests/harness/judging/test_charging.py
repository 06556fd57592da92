"""A loss is charged to what can have brought it about, and to nothing that happened beside it."""

from collections.abc import Callable

import pytest

from ringcheck.judging import judge
from ringcheck.judging.handmade import Handmade


def kill_all(tale: Handmade) -> None:
    """Every node is killed at once, and started again."""
    tale.kill(*tale.nodes)
    tale.restart(*tale.nodes)


def wipe_one(tale: Handmade) -> None:
    """One node loses what its disk held."""
    tale.lose("n1")


def roll_one_back(tale: Handmade) -> None:
    """The disk of one node falls back to an older copy."""
    tale.lose("n1", how="rolled back")


CAUSES = [("DUR-02", kill_all), ("DUR-03", wipe_one), ("DUR-04", roll_one_back)]
parametrize = pytest.mark.parametrize(("name", "disaster"), CAUSES, ids=[name for name, _ in CAUSES])


def broken(tale: Handmade) -> set[str]:
    """What a history breaks."""
    return {name for name, finding in judge(tale.history()).findings.items() if finding.breaches}


@parametrize
def test_what_came_through_a_disaster_was_not_lost_by_it(name: str, disaster: Callable[[Handmade], None]) -> None:
    """A converged state after it showed the value; a blind Put overwrote it later."""
    tale = Handmade()
    tale.put("a")
    disaster(tale)
    tale.settle({"k": ["a"]})
    tale.put("b")
    tale.settle({"k": ["b"]})
    assert broken(tale) == {"SIB-01"}


@parametrize
def test_what_was_there_before_a_disaster_and_not_after_was_lost_by_it(
    name: str, disaster: Callable[[Handmade], None]
) -> None:
    """An earlier convergence that showed the value changes nothing."""
    tale = Handmade()
    tale.put("a")
    tale.settle({"k": ["a"]})
    disaster(tale)
    tale.settle({"k": []})
    assert broken(tale) == {name}


@parametrize
def test_a_state_that_one_node_did_not_share_clears_nothing(name: str, disaster: Callable[[Handmade], None]) -> None:
    """The disaster may have taken the copies whose lack shows now."""
    tale = Handmade(profiles=("kv", "describe"))
    tale.put("a")
    disaster(tale)
    tale.settle({"k": {"n1": [], "n2": ["a"], "n3": ["a"]}}, by="reads")
    tale.settle({"k": []}, by="reads")
    assert name in broken(tale)
