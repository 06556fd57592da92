"""Commands that look at a running cluster: texts, JSON, exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest

from ringcheck import cli
from ringcheck.commands.operate import SUBCOMMANDS

from .conftest import FakeNode, document, write_book

TWO = {b"a": ([b"1"], b"s1"), b"b": ([b"1", b"2"], b"s2")}


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


def test_trees_without_a_ring(run: Any, fakes: list[FakeNode]) -> None:
    """All that keep a partition are compared."""
    for node in fakes:
        node.stop()
        node.profiles = ("kv", "describe", "inspect")
        node.start()
    assert "No node declares ring, so all that keep a partition are compared." in run("trees")[1]


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
