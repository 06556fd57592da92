"""Story: ids, values, and the nodes that operations go through."""

from ringcheck.schedule import Configuration, ExpectAnswer, ExpectSettled, Get, Put
from ringcheck_chaos.faults import Isolate
from ringcheck_properties.builder import Story


def test_operations_and_faults_are_numbered_each_from_one() -> None:
    """Ids of operations and of faults are given in order, and do not depend on each other."""
    story = Story("test", Configuration())
    assert [story.put("k"), story.get("k"), story.delete("k", context=1)] == [1, 2, 3]
    assert [story.inject(Isolate(how="down", node="n1")), story.inject(Isolate(how="drop", node="n2"))] == [1, 2]


def test_expectations_name_puts_and_hold_their_values() -> None:
    """An expectation is told by operations and kept as values, given or made."""
    story = Story("test", Configuration())
    made, given = story.put("k"), story.put("k", "mine")
    read = story.get("k")
    story.expect("KV-04", read, values=[made, given])
    story.expect("KV-01", read)
    story.settle()
    story.expect_settled("KV-04", "k", given)
    expected = [step for step in story.steps if isinstance(step, ExpectAnswer | ExpectSettled)]
    assert [step.values for step in expected] == [("v1", "mine"), None, ("mine",)]


def test_operations_go_through_each_node_in_turn_unless_told() -> None:
    """Without a node named, all nodes are asked one after another."""
    story = Story("test", Configuration(nodes=3))
    for _ in range(3):
        story.get("k")
    story.put("k", through="n2")
    asked = [step.node for step in story.steps if isinstance(step, Get | Put)]
    assert sorted(asked[:3]) == ["n1", "n2", "n3"]
    assert asked[3] == "n2"


def test_the_seed_turns_the_nodes_and_moves_the_keys() -> None:
    """Stories of different seeds start at different nodes and have keys of their own; equal ones are equal."""
    one, other = (Story("test", Configuration(nodes=3), seed=seed) for seed in (1, 2))
    assert one.nodes == ("n2", "n3", "n1")
    assert other.nodes == ("n3", "n1", "n2")
    assert one.namespace != other.namespace
    assert one.others("n2") == ("n3", "n1")
    assert one.schedule() == Story("test", Configuration(nodes=3), seed=1).schedule()
