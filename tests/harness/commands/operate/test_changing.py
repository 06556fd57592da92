"""Commands that change who is in a running cluster, and those that wait for it: texts, JSON, exit codes."""

import threading
from typing import Any

import grpc
import pytest

from .conftest import FakeNode, document


def test_a_node_that_is_a_member_by_others_alone_is_no_agreement(run: Any, fakes: list[FakeNode]) -> None:
    """As one that takes itself for removed, or has not heard that it has joined."""
    fakes[2].members = {"n1": 1, "n2": 1}
    fakes[2].view = b"other"
    code, out, _ = run("status")
    assert code == 0
    assert "3 of 3 nodes reached; views differ." in out
    assert out.count("no member by its own view, a member by others'") == 1
    report = document(run, "status")
    assert report["agree"] is False
    assert [(each["member"], each["listed"]) for each in report["nodes"]] == [(True, True), (True, True), (False, True)]


@pytest.mark.usefixtures("spare")
def test_a_change_is_sent_once_and_told_in_one_sentence(run: Any, fakes: list[FakeNode]) -> None:
    """With all that was said of it."""
    code, out, _ = run("join", "n4", "--weight", "3", "--host", "rack")
    assert code == 0
    assert out == (
        "n4 joins: the change is durable and spreads; partitions are handed over to it from now on (asked n1)."
    )
    (request,) = fakes[0].changes
    assert (request.member.node_id, request.member.weight, request.member.host) == ("n4", 3, "rack")
    code, out, _ = run("leave", "n1")
    assert (code, out.startswith("n1 leaves:")) == (0, True)
    # Rather not through the leaver itself.
    assert [request.node_id for request in fakes[1].changes] == ["n1"]
    fakes[2].stop()
    assert document(run, "remove", "n3") == {
        "change": "remove",
        "node": "n3",
        "through": "n1",
        "view_digest": b"changed".hex(),
        "already": False,
        "settled": None,
        "waiting_for": [],
    }


def test_a_change_goes_through_a_member_that_answers(run: Any, fakes: list[FakeNode]) -> None:
    """Neither through one that is gone nor through a spare."""
    fakes[0].stop()
    fakes[1].members = {"n1": 1, "n3": 1}
    assert run("join", "n4", "--force")[0] == 0
    assert (len(fakes[1].changes), len(fakes[2].changes)) == (0, 1)


@pytest.mark.parametrize(
    ("code", "exit_code", "words"),
    [
        (grpc.StatusCode.FAILED_PRECONDITION, 2, "n1 refuses (FAILED_PRECONDITION): two hosts would be left."),
        (grpc.StatusCode.NOT_FOUND, 2, "n1 refuses (NOT_FOUND)"),
        (grpc.StatusCode.UNAVAILABLE, 4, "repeating the command does no harm"),
        (grpc.StatusCode.UNIMPLEMENTED, 4, "n1 declares the profile membership and does not serve it"),
        (grpc.StatusCode.INTERNAL, 4, "gave no answer: INTERNAL two hosts"),
    ],
)
def test_a_change_that_is_refused(
    run: Any, fakes: list[FakeNode], code: grpc.StatusCode, exit_code: int, words: str
) -> None:
    """The node's own words in one sentence; what may not be is wrong use."""
    fakes[0].refuses = (code, "two hosts\nwould be left.")
    ended, out, err = run("leave", "n2", "--wait")
    assert (ended, out) == (exit_code, "")
    assert words in err
    assert err.count("\n") == 1


def test_a_node_that_answers_is_not_removed(run: Any, fakes: list[FakeNode]) -> None:
    """Remove gives up what only it holds; leave would have kept it."""
    code, _, err = run("remove", "n2")
    assert code == 2
    assert "n2 still answers" in err
    assert "ringcheck cluster leave n2" in err
    assert fakes[0].changes == []


def test_a_node_that_runs_and_is_none_or_leaves_needs_no_removal(
    run: Any, fakes: list[FakeNode], spare: FakeNode
) -> None:
    """Leave would be the wrong advice: that has been done."""
    code, _, err = run("remove", "n4")
    assert code == 2
    assert f"n4 still answers at {spare.address}, and is no member any more" in err
    for node in fakes:
        node.draining = ["n4"]
    code, _, err = run("remove", "n4")
    assert code == 2
    assert "n4 is draining, it may be stopped" in err
    assert "cluster leave" not in err
    assert all(node.changes == [] for node in fakes)


def test_to_leave_again_is_told_as_it_is(run: Any, fakes: list[FakeNode], spare: FakeNode) -> None:
    """Who left long ago is not said to leave, and nobody is told to wait for it."""
    spare.stop()
    code, out, err = run("leave", "n4")
    assert (code, err) == (0, "")
    assert out == "n4 had left and was drained, or was removed, before; nothing was changed (asked n1)."
    assert document(run, "leave", "n4")["already"] is True
    assert run("leave", "n4", "--wait")[1] == out
    for node in fakes[:3]:
        node.draining = ["n4"]
    assert run("leave", "n4")[1].startswith("n4 leaves:")


def test_to_remove_again_is_told_as_it_is(run: Any, fakes: list[FakeNode]) -> None:
    """The view is the one before: nothing was changed."""
    fakes[2].stop()
    assert run("remove", "n3")[1].startswith("n3 is removed: the change is durable and spreads")
    for node in fakes:
        node.view = b"changed"
    assert run("remove", "n3") == (0, "n3 was removed before; nothing was changed (asked n1).", "")
    assert document(run, "remove", "n3")["already"] is True


def test_a_node_that_nobody_can_reach_does_not_join(run: Any, fakes: list[FakeNode], spare: FakeNode) -> None:
    """A slip of the pen would own partitions that nobody serves; it can be insisted on."""
    code, out, err = run("join", "n99")
    assert (code, out) == (2, "")
    assert "Nothing was changed: no address of n99 is known" in err
    assert err.count("\n") == 1
    spare.stop()
    code, _, err = run("join", "n4", "--wait")
    assert code == 2
    assert f"n4 does not answer at {spare.address} (connection refused)" in err
    assert all(node.changes == [] for node in fakes)
    assert run("join", "n99", "--force")[0] == 0
    assert fakes[0].changes[0].member.node_id == "n99"


def test_to_join_again_is_to_be_what_one_is(run: Any, fakes: list[FakeNode]) -> None:
    """What is not said anew is as it was; what is, is said."""
    assert run("join", "n3", "--wait")[0] == 0
    assert run("join", "n3", "--weight", "5", "--host", "rack")[0] == 0
    assert [(each.member.weight, each.member.host) for each in fakes[0].changes] == [(2, ""), (5, "rack")]


def test_to_join_again_is_told_as_it_is(run: Any, fakes: list[FakeNode], spare: FakeNode) -> None:
    """Nothing is handed over to a member from now on; it can be waited for until it has all."""
    code, out, err = run("join", "n3")
    assert (code, err) == (0, "")
    assert out == "n3 is a member already; nothing was changed (asked n1)."
    assert document(run, "join", "n3")["already"] is True
    assert run("join", "n3", "--wait")[1].startswith("n3 has joined: every member knows it")
    assert document(run, "join", "n4")["already"] is False
    assert run("join", "n4")[1].startswith("n4 joins: the change is durable")
    for node in (*fakes[:3], spare):
        node.members["n4"] = 1
    assert run("join", "n4")[1].startswith("n4 is a member already")


def test_profiles_that_are_not_declared_are_one_sentence(run: Any, fakes: list[FakeNode]) -> None:
    """Whatever needs them is wrong use; status tells what there is."""
    for node in fakes:
        node.stop()
        node.profiles = ("kv", "describe")
        node.start()
    for command in (["ring"], ["ring", "--key", "k"], ["hints"], ["trees"], ["join", "n4"]):
        code, out, err = run(*command)
        assert (code, out) == (2, ""), command
        assert "does not serve the profile" in err
        assert err.count("\n") == 1
    code, out, _ = run("status")
    assert code == 0
    assert out.count("it does not declare inspect") == 3


def test_waiting_follows_a_join_to_its_end(run: Any, fakes: list[FakeNode]) -> None:
    """Until everybody knows it and has confirmed; what is missing is told on the way."""
    old, new = b"old", b"new"
    for node in fakes:
        node.members = {"n1": 1, "n2": 1, "n3": 2}
    fakes[2].looks = [(old, [], []), (old, [2, 3], []), (old, [3], []), (new, [], [])]
    fakes[0].view = fakes[1].view = new
    code, out, err = run("join", "n3", "--wait")
    assert code == 0
    assert out.startswith("n3 has joined: every member knows it, and every partition has been handed over (")
    assert "waiting: n3 has 2 partitions to confirm\n" in err
    assert "waiting: n3 has 1 partition to confirm\n" in err


def test_waiting_for_a_leaver(run: Any, fakes: list[FakeNode]) -> None:
    """Until it is drained; then it may be stopped."""
    for node in fakes:
        node.members = {"n1": 1, "n2": 1}
        node.looks = [(b"v", [], ["n3"]), (b"v", [], ["n3"]), (b"w", [], [])]
    code, out, err = run("leave", "n3", "--wait")
    assert code == 0
    assert out.startswith("n3 has left and is drained")
    assert "waiting: n3 is not drained\n" in err


def test_waiting_has_an_end(run: Any, fakes: list[FakeNode]) -> None:
    """A change that is not carried out in time is inconclusive, and what is missing is said."""
    fakes[1].unconfirmed = [0]
    code, out, _ = run("join", "n3", "--wait", "--timeout", "0")
    assert code == 3
    assert "not carried out: n2 has 1 partition to confirm." in out


def test_waiting_needs_every_address(run: Any, fakes: list[FakeNode]) -> None:
    """A member that cannot be asked could be behind for ever; that is told before anything is changed."""
    code, _, err = run("join", "n3", "--wait", "--node", fakes[0].address)
    assert code == 2
    assert "Nothing was changed" in err
    assert "n2: its address is not known here; n3: its address is not known here" in err
    assert "n9: its address is not known here" in run("join", "n9", "--wait", "--force")[2]
    fakes[1].stop()
    fakes[1].profiles = ("kv", "describe")
    fakes[1].start()
    code, _, err = run("leave", "n3", "--wait")
    assert code == 2
    assert "n2: it does not declare inspect" in err
    assert all(node.changes == [] for node in fakes)


def test_who_leaves_need_not_be_asked(run: Any, fakes: list[FakeNode]) -> None:
    """The address of a node that is gone may be gone too."""
    for node in fakes[:2]:
        node.members = {"n1": 1, "n2": 1}
        node.looks = [(b"v", [], ["n3"])] * 2 + [(b"w", [], [])]
    code, out, _ = run("leave", "n3", "--wait", "--node", f"{fakes[0].address},{fakes[1].address}")
    assert code == 0
    assert out.startswith("n3 has left and is drained:")


def test_a_change_that_turns_out_not_to_be_seen_to_its_end_is_inconclusive(run: Any, fakes: list[FakeNode]) -> None:
    """It is made, and somebody has joined meanwhile whose address nobody has named."""

    class Growing(dict[str, int]):
        """Members that one more has joined by the second look."""

        looks = 0

        def __iter__(self) -> Any:
            self.looks += 1
            return iter([*self.keys(), *(["n9"] if self.looks > 1 else [])])

    for node in fakes:
        node.members = Growing(node.members)
    code, out, err = run("join", "n3", "--wait")
    assert (code, err) == (3, "")
    assert "not carried out: n9: its address is not known here." in out


def test_waiting_meets_a_node_that_comes_later(run: Any, fakes: list[FakeNode]) -> None:
    """A joiner may still be starting."""
    fakes[2].stop()
    starting = threading.Timer(0.5, fakes[2].start)
    starting.start()
    code, out, err = run("join", "n3", "--wait", "--timeout", "20")
    starting.join()
    assert "waiting: n3: " in err
    assert code == 0, out
