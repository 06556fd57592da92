"""Nodes that go on answering differently: told as a story of one key, with what a client had been promised."""

from ringcheck.judging import explain, judge
from ringcheck.judging.handmade import Handmade
from ringcheck.judging.verdict import Breach

BLACK_BOX = ("kv", "describe")
REASONS = tuple(f"The nodes answer differently, or not at all, when key 'key{number}' is read." for number in range(24))


def breaches(tale: Handmade) -> list[Breach]:
    """What is charged to DUR-01."""
    return list(judge(tale.history()).findings["DUR-01"].breaches)


def only_breach(tale: Handmade) -> Breach:
    """The one breach of a history."""
    [breach] = breaches(tale)
    return breach


def test_a_store_that_does_not_replicate_is_told_by_one_put() -> None:
    """Twenty-four keys differ: one is told, who returned what of it, and the Put that was promised."""
    tale = Handmade(profiles=BLACK_BOX)
    for number in range(24):
        tale.put(f"v{number}", key=f"key{number}", node="n2")
    kept = {f"key{number}": {"n2": [f"v{number}"]} for number in range(24)}
    tale.settle(kept, diverged=REASONS)
    breach = only_breach(tale)
    acknowledged = tale.events[1].time
    assert breach.expected.endswith(
        "every node returns the same values for 'key0', among them that of Put #1 of 'v0', "
        f"which n2 acknowledged at {acknowledged:.3f} s."
    )
    assert breach.actual.endswith(
        "they did not: n1, n3 returned nothing; n2 returned 'v0'. So it is with 23 more keys."
    )
    assert breach.key == "key0"
    assert breach.operations == (1, 1_000_000, 1_000_001)
    assert set(breach.nodes) == {"n1", "n2"}
    story = explain(tale.history(), breach)
    assert "Put #1 of 'v0' on 'key0' through n2 (blind), W=2 was acknowledged" in story
    assert "through n1, R=3 returned nothing" in story
    assert "the cluster had not converged" in story
    assert "key1" not in story


def test_who_did_not_answer_is_named() -> None:
    """Its last log lines are asked for too."""
    tale = Handmade(profiles=BLACK_BOX)
    tale.put("a")
    tale.settle({}, diverged=REASONS[:1])
    tale.get("a", node="n1", r=3, final=True)
    tale.get(node="n2", r=3, final=True)
    tale.get(node="n3", r=3, end="UNAVAILABLE", final=True)
    breach = only_breach(tale)
    assert breach.actual.endswith("they did not: n1 returned 'a'; n2 returned nothing; n3 did not answer.")
    assert breach.nodes == ("n1", "n2", "n3")


def test_a_delete_that_one_node_missed_is_what_was_promised() -> None:
    """The Put is not: what the others return is right."""
    tale = Handmade(profiles=BLACK_BOX)
    deleted = tale.delete(tale.put("a"), node="n3")
    tale.settle({"k": {"n1": ["a"]}}, diverged=REASONS[:1])
    breach = only_breach(tale)
    assert "but not that of Put #1 of 'a', which is covered by Delete #2, which n3 acknowledged at" in breach.expected
    assert {1, deleted} <= set(breach.operations)


def test_nothing_is_promised_of_a_put_in_doubt() -> None:
    """That the nodes differ is a breach all the same."""
    tale = Handmade(profiles=BLACK_BOX)
    tale.put("a", end="DEADLINE_EXCEEDED")
    tale.settle({"k": {"n1": ["a"]}}, diverged=REASONS[:1])
    breach = only_breach(tale)
    assert breach.expected.endswith("every node returns the same values for 'k'.")
    assert breach.operations[0] == 1


def test_nothing_is_promised_of_a_put_that_a_delete_in_doubt_may_have_taken_away() -> None:
    """It may be gone for good reason."""
    tale = Handmade(profiles=BLACK_BOX)
    tale.delete(tale.put("a"), end="DEADLINE_EXCEEDED")
    tale.settle({"k": {"n1": ["a"]}}, diverged=REASONS[:1])
    assert only_breach(tale).expected.endswith("every node returns the same values for 'k'.")


def test_the_same_answers_in_the_end_are_no_dissent() -> None:
    """They were too late to be called converged; nothing is seen to be wrong with them."""
    tale = Handmade(profiles=BLACK_BOX)
    tale.put("a")
    tale.settle({"k": ["a"]}, diverged=REASONS[:1])
    assert breaches(tale) == []
