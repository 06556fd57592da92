import contextlib
import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from dynamo_node.v1 import inspect_pb2, inspect_pb2_grpc, key_value_pb2, key_value_pb2_grpc
from ringcheck import cli
from ringcheck.commands import cluster
from ringcheck_chaos.ports import lease

FOREIGN = Path(__file__).parents[2] / "nodes" / "foreign.py"


@pytest.mark.slow
def test_cluster_to_play_with_runs_until_ctrl_c(tmp_path: Path) -> None:
    """Its nodes listen where it says, can be talked to as it says, and are gone after Ctrl-C, with their book."""
    with lease(30) as ports:
        base = next(each for each in ports.ports if each + 1 in ports.ports)
        command = [sys.executable, "-u", "-m", "ringcheck", "cluster", "--nodes", "2", "--base-port", str(base)]
        target = ["--", sys.executable, str(FOREIGN), "{config}"]
        with subprocess.Popen([*command, *target], stdout=subprocess.PIPE, text=True, cwd=tmp_path) as cluster:
            assert cluster.stdout is not None
            said = ""
            for line in cluster.stdout:
                said += line
                if line.startswith("Ctrl-C ends it"):
                    break
            try:
                listed = re.findall(r"^  n\d  (\S+)  pid (\d+)$", said, re.MULTILINE)
                first = listed[0][0]
                programs = [Path(f"/proc/{pid}/cmdline").read_bytes().decode() for _, pid in listed]
                with grpc.insecure_channel(first) as channel:
                    store = key_value_pb2_grpc.KeyValueStub(channel)
                    store.Put(key_value_pb2.PutRequest(key=b"hello", value=b"world"), timeout=5)
                    answer = store.Get(key_value_pb2.GetRequest(key=b"hello"), timeout=5)
                told = re.findall(r"^  ringcheck (cluster status.*)$", said, re.MULTILINE)[0]
                status = subprocess.run(
                    [sys.executable, "-m", "ringcheck", *told.split()],
                    cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False,
                )  # fmt: skip
            finally:
                os.kill(cluster.pid, signal.SIGINT)
            farewell = cluster.stdout.read()
    assert [address for address, _ in listed] == [f"127.0.0.1:{base}", f"127.0.0.1:{base + 1}"]
    assert all(str(FOREIGN) in program for program in programs)
    assert told == "cluster status"
    assert "2 of 2 nodes reached." in status.stdout
    assert status.returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert list(answer.values) == [b"world"]
    assert f'-d \'{{"key": "aGVsbG8="}}\' {first} dynamo_node.v1.KeyValue/Get' in said
    assert farewell == "Stopping …\nAll nodes are gone.\n"
    assert cluster.returncode == 0


@pytest.fixture
def playground(tmp_path: Path) -> Iterator[Path]:
    """The folder of a cluster of three and a spare, with eighty keys in it."""
    command = [sys.executable, "-u", "-m", "ringcheck", "cluster", "--nodes", "3", "--spares", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as cluster:
        assert cluster.stdout is not None
        try:
            said = "".join(itertools.takewhile(lambda line: not line.startswith("Ctrl-C"), cluster.stdout))
            assert "a spare, no member yet" in said
            for number, url in enumerate(re.findall(r"http://\S+", said), start=1):
                with urllib.request.urlopen(url, timeout=10) as answer:
                    assert f'node="n{number}"' in answer.read().decode()
            with grpc.insecure_channel(address(tmp_path, "n1")) as channel:
                store = key_value_pb2_grpc.KeyValueStub(channel)
                for number in range(80):
                    store.Put(key_value_pb2.PutRequest(key=b"key-%d" % number, value=b"v"), timeout=10)
            yield tmp_path
        finally:
            os.kill(cluster.pid, signal.SIGINT)
        assert cluster.stdout.read().endswith("All nodes are gone.\n")
    assert cluster.returncode == 0


def address(folder: Path, node: str) -> str:
    """Where a node of the cluster listens."""
    where: str = json.loads((folder / "ringcheck-cluster.json").read_text())["nodes"][node]
    return where


def process_of(where: str) -> int:
    """The process of the node that listens there."""
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            arguments = cmdline.read_bytes().decode().split("\0")
            if "ringcheck_reference" in arguments and where in Path(arguments[-2]).read_text().split("address_book")[0]:
                return int(cmdline.parent.name)
    raise LookupError(where)


def document(folder: Path, *arguments: str) -> Any:
    """What a command prints as JSON; it must end with 0."""
    done = ringcheck("cluster", *arguments, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def keys_at(folder: Path, node: str) -> set[bytes]:
    """What a node holds."""
    with grpc.insecure_channel(address(folder, node)) as channel:
        pieces = inspect_pb2_grpc.InspectStub(channel).ScanReplica(inspect_pb2.ScanReplicaRequest(), timeout=10)
        return {entry.key for piece in pieces for entry in piece.entries}


@pytest.mark.slow
def test_operators_change_a_cluster(playground: Path) -> None:
    """A spare joins, a member leaves and is stopped, another one dies and is removed as far as N allows; data stay."""
    assert [each["member"] for each in document(playground, "status")["nodes"]] == [True] * 3 + [False]

    assert document(playground, "join", "n4", "--wait", "--timeout", "60")["settled"] is True
    ring = document(playground, "ring")
    assert [each["node"] for each in ring["members"]] == ["n1", "n2", "n3", "n4"]
    assert {each["share"] for each in ring["members"]} == {4}
    assert keys_at(playground, "n4")
    wait_for_equal_trees(playground)

    assert document(playground, "leave", "n1", "--wait", "--timeout", "60")["settled"] is True
    assert keys_at(playground, "n1") == set()
    os.kill(process_of(address(playground, "n1")), signal.SIGTERM)
    assert [len(keys_at(playground, node)) for node in ("n2", "n3", "n4")] == [80, 80, 80]
    wait_for_equal_trees(playground)

    refused = ringcheck("cluster", "leave", "n2", cwd=playground)
    assert refused.returncode == 2
    assert "FAILED_PRECONDITION" in refused.stderr
    again = ringcheck("cluster", "join", "n1", cwd=playground)
    assert again.returncode == 2
    running = ringcheck("cluster", "remove", "n2", cwd=playground)
    assert "n2 still answers" in running.stderr


@pytest.mark.slow
def test_operators_remove_a_node_that_died(playground: Path) -> None:
    """After SIGKILL; the others take over what it had, and its hints find new owners."""
    assert document(playground, "join", "n4", "--wait", "--timeout", "60")["settled"] is True
    os.kill(process_of(address(playground, "n2")), signal.SIGKILL)
    assert document(playground, "remove", "n2", "--wait", "--timeout", "60")["settled"] is True
    status = document(playground, "status")
    assert [each["reachable"] for each in status["nodes"]] == [True, False, True, True]
    assert status["nodes"][0]["inside"]["members"] == ["n1", "n3", "n4"]
    wait_for_equal_trees(playground)
    assert [len(keys_at(playground, node)) for node in ("n1", "n3", "n4")] == [80, 80, 80]


def wait_for_equal_trees(folder: Path) -> None:
    """Anti-entropy may take a moment after a write that one owner missed."""
    deadline = time.monotonic() + 30
    while True:
        report = document(folder, "trees", "--diff")
        if all(tree["verdict"] == "equal" and not tree["besides"] for tree in report["trees"]):
            return
        assert time.monotonic() < deadline, report


def ringcheck(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ringcheck", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_help_names_the_options_of_a_new_cluster_and_the_commands_for_a_running_one(tmp_path: Path) -> None:
    """Nobody needs to know that there is a command between them."""
    said = ringcheck("cluster", "--help", cwd=tmp_path).stdout
    assert said.startswith("Usage: ringcheck cluster [OPTIONS] [-- COMMAND")
    for word in ("--nodes", "--base-port", "--file", "\n  status ", "\n  join ", "\n  trees "):
        assert word in said
    assert "start " not in said.split("Options")[0].replace("Start a", "").replace("COMMAND starts", "")


def test_a_book_that_is_no_book_is_not_overwritten(tmp_path: Path) -> None:
    """What the user chose is refused before anything starts; the usual one is done without, and that is told."""
    (tmp_path / "notes").write_text("mine")
    done = ringcheck("cluster", "--file", "notes", cwd=tmp_path)
    assert done.returncode == 2
    assert "notes is no address book" in done.stderr
    (tmp_path / "ringcheck-cluster.json").write_text("mine")
    done = ringcheck("cluster", "--", "/no/such/node", "{config}", cwd=tmp_path)
    assert done.returncode == 4
    assert "no address book" in done.stderr
    assert {path.read_text() for path in tmp_path.iterdir()} == {"mine"}


@pytest.mark.parametrize(
    "arguments", [("--nodes", "0"), ("--", "mynode"), ("--base-port", "80"), ("./mynode", "{config}", "{config}")]
)
def test_wrong_use_starts_nothing(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """One sentence, 2, and no book is left."""
    done = ringcheck("cluster", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_end_before_it_has_begun_is_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM while it still looks for a server is its end as any later one."""
    monkeypatch.setattr(cluster, "find_server", lambda _: signal.raise_signal(signal.SIGTERM))
    assert cli.code_of(["cluster"]) == 0


def test_a_limit_of_open_files_is_told_as_what_it_is(tmp_path: Path) -> None:
    """And not as ports that others hold."""
    done = subprocess.run(
        ["sh", "-c", f"ulimit -n 40; exec {shlex.quote(sys.executable)} -m ringcheck cluster"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert done.stderr == "ringcheck: No more files can be opened; raise the limit with `ulimit -n`, and try again.\n"
    assert list(tmp_path.iterdir()) == []
