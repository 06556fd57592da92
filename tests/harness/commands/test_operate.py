"""The commands for a running cluster, against nodes that say what they are told to: texts, JSON, exit codes."""

import json
import threading
from pathlib import Path
from typing import Any

import grpc
import pytest

from ringcheck import cli
from ringcheck.commands.operate import SUBCOMMANDS

FakeNode = Any
TWO = {b"a": ([b"1"], b"s1"), b"b": ([b"1", b"2"], b"s2")}


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's address book lies here, and no variable says anything."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RINGCHECK_NODE", raising=False)


@pytest.fixture
def run(fakes: list[FakeNode], capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `ringcheck cluster …` with a book of all nodes: (exit code, standard output, error output)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        write_book(fakes)
        code = cli.code_of(["cluster", *arguments])
        said = capsys.readouterr()
        return code, "\n".join(line.rstrip() for line in said.out.splitlines()), said.err

    return run


def write_book(nodes: list[FakeNode], path: str = "ringcheck-cluster.json") -> None:
    """As a running cluster does."""
    Path(path).write_text(json.dumps({"nodes": {node.id: node.address for node in nodes}, "ringcheck_cluster": 1}))


@pytest.fixture
def spare(fakes: list[FakeNode]) -> FakeNode:
    """n4, which runs, knows the members and is none."""
    node = type(fakes[0])("n4", dict(fakes[0].members))
    node.start()
    fakes.append(node)
    return node


def document(run: Any, *arguments: str) -> Any:
    """What --json prints: one document, and nothing else."""
    code, out, err = run(*arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_status_tells_of_every_node(run: Any, fakes: list[FakeNode]) -> None:
    """Reached or not, healthy or not, its view, its work."""
    fakes[0].unconfirmed = [1, 4]
    fakes[1].view = b"other"
    fakes[1].draining = ["n9"]
    fakes[2].stop()
    code, out, err = run("status")
    assert (code, err) == (0, "")
    first, second, third = [line for line in out.splitlines() if line[:2] in {"n1", "n2", "n3"}]
    assert first.split() == ["n1", fakes[0].address, "SERVING", "fake", "1", b"view".hex(), "3", "1,", "4"]
    assert second.split() == ["n2", fakes[1].address, "SERVING", "fake", "1", b"other".hex()[:8], "3", "n9"]
    assert third.split() == ["n3", fakes[2].address, "unreachable", "connection", "refused"]
    assert "writes" in out
    assert "3 (3.0 KiB)" in out
    assert "2 of 3 nodes reached; n3 not; views differ; 2 partitions under way; n9 draining." in out


def test_status_as_json(run: Any, fakes: list[FakeNode]) -> None:
    """Every field by a stable name."""
    fakes[2].stop()
    report = document(run, "status")
    assert report["agree"] is True
    first, _, third = report["nodes"]
    assert first == {
        "node": "n1",
        "address": fakes[0].address,
        "reachable": True,
        "member": True,
        "listed": True,
        "trouble": "",
        "health": "SERVING",
        "implementation": "fake",
        "version": "1",
        "profiles": ["kv", "describe", "ring", "membership", "inspect"],
        "inside": {
            "incarnation": "i",
            "view_digest": b"view".hex(),
            "members": ["n1", "n2", "n3"],
            "unconfirmed_partitions": [],
            "draining": [],
            "counters": first["inside"]["counters"],
        },
    }
    assert first["inside"]["counters"]["writes"] == {"count": 3, "bytes": 3072}
    assert len(first["inside"]["counters"]) == 10
    assert (third["reachable"], third["trouble"], third["inside"]) == (False, "connection refused", None)


def test_status_tells_who_is_no_member(run: Any, fakes: list[FakeNode]) -> None:
    """A spare by its own view, and one that is gone by the others': nobody misses it."""
    fakes[1].stop()
    for node in fakes:
        node.members = {"n1": 1}
    out = run("status")[1]
    assert out.count("not a member") == 2
    assert "not a member; connection refused" in out
    assert "2 of 3 nodes reached." in out
    assert [each["member"] for each in document(run, "status")["nodes"]] == [True, False, False]
    for node in fakes:
        node.stop()
    write_book(fakes)
    assert cli.code_of(["cluster", "status", "--json"]) == 4


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


def test_status_of_a_cluster_that_is_gone_is_4(run: Any, fakes: list[FakeNode]) -> None:
    """It is told all the same."""
    for node in fakes:
        node.stop()
    code, out, _ = run("status")
    assert code == 4
    assert out.count("unreachable") == 3
    assert run("ring")[0] == 4


def test_one_node_is_enough_and_members_elsewhere_are_named(run: Any, fakes: list[FakeNode]) -> None:
    """Of those only their address is not known."""
    code, out, _ = run("status", "--node", fakes[0].address)
    assert code == 0
    assert out.count("its address is not known here") == 2
    assert "1 of 3 nodes reached; n2 and n3 not." in out


def test_what_is_typed_outdoes_what_is_set(
    run: Any, fakes: list[FakeNode], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Options, then the variable, then the book that lies there."""
    monkeypatch.setenv("RINGCHECK_NODE", f"{fakes[0].address},{fakes[1].address}")
    assert [each["address"] for each in document(run, "status")["nodes"]][:2] == [each.address for each in fakes[:2]]
    assert document(run, "hints")["looked_at"] == ["n1", "n2"]
    assert document(run, "hints", "--node", fakes[2].address)["looked_at"] == ["n3"]
    write_book(fakes[1:], "other.json")
    assert document(run, "hints", "--file", "other.json")["looked_at"] == ["n2", "n3"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("stauts",), "There is no command 'stauts'"),
        (("status", "--node", "nowhere"), "'nowhere' is no address"),
        (("status", "--node", ":80"), "is no address"),
        (("status", "--file", "missing.json"), "There is no missing.json"),
        (("ring", "--key", "0xno"), "hexadecimal"),
        (("join",), "ID"),
        (("join", ""), "not empty"),
        (("join", "n\udcff"), "no text in UTF-8"),
        (("join", "n4", "--host", "\udcff"), "no text in UTF-8"),
        (("status", "--node", "\udcff:1"), "is no address"),
        (("join", "n4", "--weight", "0"), "--weight"),
        (("join", "n4", "--timeout", "1"), "give --wait"),
    ],
)
def test_wrong_use_is_2(run: Any, arguments: tuple[str, ...], words: str) -> None:
    """One sentence, and nobody is asked."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_book_that_leads_elsewhere_is_told(run: Any, fakes: list[FakeNode]) -> None:
    """A node that is another one is not taken for the one that was meant."""
    fakes[0].id = "m1"
    write_book([])
    Path("ringcheck-cluster.json").write_text(
        json.dumps({"nodes": {"n1": fakes[0].address}, "ringcheck_cluster": 1}), "utf-8"
    )
    assert cli.code_of(["cluster", "ring"]) == 4
    assert cli.code_of(["cluster", "join", "n4"]) == 4
    assert fakes[0].changes == []


def test_ring_tells_shares_and_owners(run: Any, fakes: list[FakeNode]) -> None:
    """Weight 2 asks for half of four partitions and got as many."""
    code, out, _ = run("ring")
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["n3", "n3", "2", "2", "2", "3"] in rows
    assert ["n1", "n1", "1", "1", "1", "2"] in rows
    assert ["3", "n3,", "n2"] in rows
    assert "n1, n2 and n3 see this ring" in out
    fakes[1].view = b"other"
    assert "This is n1's view; n2 see another one just now." in run("ring")[1]
    report = document(run, "ring")
    assert (report["same"], report["others"]) == (["n3"], ["n2"])
    assert report["partitions"][3] == {"partition": 3, "owners": ["n3", "n2"]}
    assert report["members"][2]["share_asked"] == 2.0


def test_ring_of_one_key(run: Any) -> None:
    """Its homes, then who stands in."""
    code, out, _ = run("ring", "--key", "abc")
    assert code == 0
    assert "'abc' lies in partition 3" in out
    assert [line.split() for line in out.splitlines()][-1] == ["3", "n3", "stands", "in"]
    assert document(run, "ring", "--key", "0x00ff") == {
        "node": "n1",
        "key": "0x00ff",
        "partition": 2,
        "n": 2,
        "preference_list": ["n1", "n2", "n3"],
    }


def test_hints_of_all_nodes(run: Any, fakes: list[FakeNode]) -> None:
    """By target; a delete has no siblings."""
    assert run("hints")[1] == "No hint at n1, n2 and n3."
    fakes[0].hints = [("n3", b"later", [b"1", b"2"])]
    fakes[1].hints = [("n3", b"\x00", [])]
    out = run("hints")[1]
    assert [line.split() for line in out.splitlines()][2:4] == [
        ["n3", "n1", "2", "siblings", "later"],
        ["n3", "n2", "deleted", "0x00"],
    ]
    assert document(run, "hints")["hints"][0] == {"holder": "n1", "target": "n3", "key": "later", "siblings": 2}
    fakes[2].stop()
    assert "Not seen: n3 (connection refused)." in run("hints")[1]


def test_trees_that_agree(run: Any, fakes: list[FakeNode]) -> None:
    """Nothing to say but so."""
    fakes[0].replicas[0] = dict(TWO)
    fakes[1].replicas[0] = dict(TWO)
    code, out, _ = run("trees", "--diff")
    assert code == 0
    assert out.count(" equal ") == 4
    assert "All owners of every partition hold the same." in out


def test_trees_that_differ_and_the_keys(run: Any, fakes: list[FakeNode]) -> None:
    """A key that one lacks, one that is older, none of those that are equal."""
    fakes[0].replicas[0] = TWO | {b"same": ([b"1"], b"s3")}
    fakes[1].replicas[0] = {b"a": ([b"1"], b"older"), b"same": ([b"1"], b"s3")}
    out = run("trees")[1]
    assert out.count(" differ ") == 1
    assert "The owners of 1 of 4 partitions differ; --diff names the keys." in out
    out = run("trees", "--diff")[1]
    rows = [line.split() for line in out.splitlines()]
    assert ["0", "a", "n1", "1", "sibling,", "n2", "1", "sibling"] in rows
    assert ["0", "b", "n1", "2", "siblings,", "n2", "nothing"] in rows
    assert "same" not in out
    assert "The owners of 1 of 4 partitions differ, by 2 keys." in out
    report = document(run, "trees", "--diff")
    assert [each["verdict"] for each in report["trees"]] == ["differ", "equal", "equal", "equal"]
    assert report["differences"][1] == {
        "partition": 0,
        "key": "b",
        "copies": {"n1": {"siblings": 2, "state": b"s2".hex()}, "n2": None},
    }
    assert document(run, "trees")["differences"] is None


def test_trees_of_owners_that_are_gone_are_left_open(run: Any, fakes: list[FakeNode]) -> None:
    """Nobody knows what n3 holds."""
    fakes[2].stop()
    out = run("trees")[1]
    assert out.count(" unknown ") == 3
    assert "No difference seen; 3 partitions could not be seen at all owners." in out
    assert "Not seen: n3" in out


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
    assert out == "n4 has left and is drained, or was removed, long since; nothing was changed (asked n1)."
    assert document(run, "leave", "n4")["already"] is True
    assert run("leave", "n4", "--wait")[1] == out
    for node in fakes[:3]:
        node.draining = ["n4"]
    assert run("leave", "n4")[1].startswith("n4 leaves:")


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


def test_trees_without_a_ring(run: Any, fakes: list[FakeNode]) -> None:
    """All that keep a partition are compared."""
    for node in fakes:
        node.stop()
        node.profiles = ("kv", "describe", "inspect")
        node.start()
    assert "No node declares ring, so all that keep a partition are compared." in run("trees")[1]


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


def test_get_tells_values_and_context(run: Any, fakes: list[FakeNode]) -> None:
    """Asked is the first of the key's nodes that can be reached."""
    fakes[0].stop()
    fakes[1].values = {b"key": [b"two", b"\xff"]}
    code, out, err = run("get", "key")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "'key' has 2 values, by n2:"
    assert {"two", "0xff"} <= set(out.split())
    assert out.splitlines()[-1] == f"context {b'seen2'.hex()}"
    assert document(run, "get", "key") == {
        "node": "n2",
        "key": "key",
        "values": ["0xff", "two"],
        "context": b"seen2".hex(),
    }
    fakes[1].values = {b"\xff": [b"two"]}
    assert run("get", "\udcff")[1].startswith("'0xff' has 1 value, by n2")
    assert run("get", "other")[1] == "'other' has no value, by n2.\n\ncontext empty"


def test_put_takes_the_place_of_what_is_there(run: Any, fakes: list[FakeNode]) -> None:
    """It supersedes what a Get finds, or what it is told to, or nothing."""
    fakes[0].values = {b"key": [b"old"]}
    code, out, _ = run("put", "key", "0x00ff")
    assert (code, out) == (0, f"n1 has acknowledged it.\ncontext {b'new'.hex()}")
    assert run("put", "key", "value", "--context", b"given".hex())[0] == 0
    assert run("put", "key", "value", "--blind")[0] == 0
    assert document(run, "put", "key", "") == {"node": "n1", "key": "key", "context": b"new".hex()}
    assert [(request.value, request.context) for request in fakes[0].writes] == [
        (b"\x00\xff", b"seen1"),
        (b"value", b"given"),
        (b"value", b""),
        (b"", b"seen1"),
    ]
    assert not fakes[1].writes


def test_delete_removes_what_is_there(run: Any, fakes: list[FakeNode]) -> None:
    """Nothing to delete is wrong use, and nothing is sent."""
    fakes[0].values = {b"key": [b"old"]}
    assert run("delete", "key")[:2] == (0, "n1 has acknowledged it.")
    code, out, err = run("delete", "other")
    assert (code, out) == (2, "")
    assert "The key other has no value, so there is nothing to delete." in err
    assert run("delete", "other", "--context", b"given".hex())[0] == 0
    assert [(request.key, request.context) for request in fakes[0].writes] == [(b"key", b"seen1"), (b"other", b"given")]


@pytest.mark.parametrize(
    ("code", "exit_code", "words"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, 2, "n1 refuses (INVALID_ARGUMENT): no."),
        (grpc.StatusCode.UNAVAILABLE, 4, "did not acknowledge the write: UNAVAILABLE no. It may take effect all the"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 4, "get the key before you try again"),
    ],
)
def test_a_write_that_fails_is_not_sent_again(
    run: Any, fakes: list[FakeNode], code: grpc.StatusCode, exit_code: int, words: str
) -> None:
    """Whether it may have taken effect is said."""
    fakes[0].refuses = (code, "no.")
    ended, out, err = run("put", "key", "value")
    assert (ended, out) == (exit_code, "")
    assert words in " ".join(err.split())
    assert [len(node.writes) for node in fakes] == [1, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("put", "key", "value", "--blind", "--context", "00"), "--blind and --context contradict each other"),
        (("put", "key", "value", "--context", "xyz"), "The context 'xyz' is not in hexadecimal digits"),
        (("get", "0xyz"), "hexadecimal digits do not follow"),
    ],
)
def test_wrong_use_of_keys_and_values_is_2(run: Any, arguments: tuple[str, ...], words: str) -> None:
    """One sentence."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert words in " ".join(err.split())


def test_a_context_stays_whole_however_long(run: Any, fakes: list[FakeNode]) -> None:
    """It is to be copied, or cut out by a program, and no terminal or pipe has so many columns."""
    fakes[0].values = {b"key": [b"value"]}
    fakes[0].context = bytes(range(200))
    assert run("get", "key")[1].splitlines()[-1] == f"context {fakes[0].context.hex()}"
    assert run("put", "key", "value")[1].splitlines()[-1] == f"context {fakes[0].context.hex()}"


def test_mistakes_and_refusals_are_json_too(run: Any, fakes: list[FakeNode]) -> None:
    """A program has the sentence, and the code by which it was refused, where it expects the answer."""

    def failed(*arguments: str) -> Any:
        code, out, err = run(*arguments, "--json")
        document = json.loads(out)
        assert err == f"ringcheck: {document['error']}\n"
        assert document["exit_code"] == code
        return document

    nothing = "The key k has no value, so there is nothing to delete."
    assert failed("delete", "k") == {"error": nothing, "exit_code": 2, "code": ""}
    assert failed("get", "0xyz")["exit_code"] == 2
    fakes[0].refuses = (grpc.StatusCode.FAILED_PRECONDITION, "n2 is a member already.")
    assert failed("join", "n2") == {
        "error": "n1 refuses (FAILED_PRECONDITION): n2 is a member already.",
        "exit_code": 2,
        "code": "FAILED_PRECONDITION",
    }
    fakes[0].refuses = (grpc.StatusCode.RESOURCE_EXHAUSTED, "busy")
    document = failed("put", "k", "v")
    assert (document["exit_code"], document["code"]) == (4, "RESOURCE_EXHAUSTED")
    for node in fakes:
        node.stop()
    assert failed("ring")["exit_code"] == 4
    assert failed("ring", "--node", "nowhere")["exit_code"] == 2


def test_help_tells_all_of_every_command(run: Any) -> None:
    """Not as much as fits into a line."""
    _, out, _ = run("--help")
    told = " ".join(out.split())
    assert "..." not in told.partition("Commands for a cluster")[2]
    for each in SUBCOMMANDS:
        assert each.help is not None
        first, *_ = each.help.split("\n\n")
        assert " ".join(first.split()) in told
    assert "no limit" in " ".join(run("leave", "--help")[1].split())
