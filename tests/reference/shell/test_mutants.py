"""Each mutant has its bug, and the reference has none of them. Shown by direct calls, without the harness."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest

from dynamo_node.v1 import inspect_pb2, key_value_pb2

MUTANTS = Path(__file__).parents[2] / "mutants"
CALL_S = 20.0
"""What takes milliseconds may take seconds on a machine with more to do."""

Probe = Callable[[Any], bool]
"""Whether the bug shows on a node of a fresh cluster."""


def put(node: Any, key: bytes, value: bytes, context: bytes = b"") -> bytes:
    """Put; returns the context of the answer."""
    request = key_value_pb2.PutRequest(key=key, value=value, context=context)
    answer: bytes = node.key_value.Put(request, timeout=CALL_S).context
    return answer


def get(node: Any, key: bytes) -> Any:
    """The answer to a Get."""
    return node.key_value.Get(key_value_pb2.GetRequest(key=key), timeout=CALL_S)


def is_answered(call: Callable[[], object]) -> bool:
    """Whether the call ends OK; UNAVAILABLE is the only other end that is expected."""
    try:
        call()
    except grpc.RpcError as error:
        if not isinstance(error, grpc.Call) or error.code() != grpc.StatusCode.UNAVAILABLE:
            raise
        return False
    return True


def blind_put_erases(node: Any) -> bool:
    """Two blind puts, one value left."""
    put(node, b"17", b"a")
    put(node, b"17", b"b")
    return list(get(node, b"17").values) == [b"b"]


def shared_context_drops(node: Any) -> bool:
    """Two puts with the context of one Get, one value left."""
    put(node, b"18", b"a")
    context = get(node, b"18").context
    put(node, b"18", b"b", context)
    put(node, b"18", b"c", context)
    return len(get(node, b"18").values) == 1


def get_needs_nobody(node: Any) -> bool:
    """A node on its own answers a Get with R=2."""
    return is_answered(lambda: get(node, b"23"))


def put_needs_nobody(node: Any) -> bool:
    """A node on its own acknowledges a Put with W=2."""
    return is_answered(lambda: put(node, b"26", b"a"))


def delete_leaves_nothing(node: Any) -> bool:
    """After a delete the replica has no entry of the key, and its tree is as it was before."""
    roots = merkle_roots(node)
    put(node, b"30", b"a")
    request = key_value_pb2.DeleteRequest(key=b"30", context=get(node, b"30").context)
    node.key_value.Delete(request, timeout=CALL_S)
    pieces = node.inspect.ScanReplica(inspect_pb2.ScanReplicaRequest(), timeout=CALL_S)
    assert list(get(node, b"30").values) == []
    gone = b"30" not in [entry.key for piece in pieces for entry in piece.entries]
    assert gone == (merkle_roots(node) == roots)
    return gone


def kill_loses_acknowledged(node: Any) -> bool:
    """SIGKILL right after an acknowledgement, and the write is gone."""
    put(node, b"67", b"a")
    assert list(get(node, b"67").values) == [b"a"]
    node.end(signal.SIGKILL)
    node.start()
    node.wait_until_serving()
    return list(get(node, b"67").values) == []


def root_is_constant(node: Any) -> bool:
    """A put changes no root."""
    before = merkle_roots(node)
    put(node, b"C1", b"a")
    return merkle_roots(node) == before


def put_keeps_nothing(node: Any) -> bool:
    """What was acknowledged is not there."""
    put(node, b"C2", b"a")
    return list(get(node, b"C2").values) == []


def merkle_roots(node: Any) -> list[bytes]:
    """All roots of the node."""
    answer = node.inspect.MerkleRoots(inspect_pb2.MerkleRootsRequest(), timeout=CALL_S)
    return [root.root for root in answer.roots]


ALONE: dict[str, Probe] = {
    "17": blind_put_erases,
    "18": shared_context_drops,
    "30": delete_leaves_nothing,
    "67": kill_loses_acknowledged,
    "C1": root_is_constant,
    "C2": put_keeps_nothing,
}
"""Probes for a cluster of one node."""

CUT_OFF: dict[str, Probe] = {"23": get_needs_nobody, "26": put_needs_nobody}
"""Probes for one node of three, the others not started."""


def mutant(name: str) -> Sequence[str]:
    """The command of a mutant."""
    return (sys.executable, str(MUTANTS / "node.py"), name)


def start_one_of_three(make_nodes: Any, *command: Any) -> Any:
    """A node whose peers do not run."""
    node = make_nodes(3, *command)[0]
    node.start()
    node.wait_until_serving()
    return node


@pytest.mark.parametrize("name", ALONE)
def test_a_mutant_alone_has_its_bug(name: str, start_nodes: Any) -> None:
    """One node is enough to see it."""
    (node,) = start_nodes(1, mutant(name))
    assert ALONE[name](node)


@pytest.mark.parametrize("name", CUT_OFF)
def test_a_mutant_cut_off_has_its_bug(name: str, make_nodes: Any) -> None:
    """It takes other nodes that are out of reach."""
    assert CUT_OFF[name](start_one_of_three(make_nodes, mutant(name)))


def test_the_reference_has_none_of_these_bugs(start_nodes: Any, make_nodes: Any) -> None:
    """The probes see a bug where one is, and nowhere else."""
    (alone,) = start_nodes(1)
    cut_off = start_one_of_three(make_nodes)
    shown = [name for name, probe in ALONE.items() if probe(alone)]
    shown += [name for name, probe in CUT_OFF.items() if probe(cut_off)]
    assert shown == []


def test_every_mutant_is_listed() -> None:
    """--list and the README's table name the same bugs, and there are no others that are probed."""
    command = [sys.executable, str(MUTANTS / "node.py"), "--list"]
    listing = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    listed = {line.split()[0]: line.split(maxsplit=1)[1] for line in listing.splitlines()}
    rows = re.findall(r"^\| (\w+) \| (.+?) \| [A-Z]+-\d\d \|$", (MUTANTS / "README.md").read_text(), re.MULTILINE)
    assert listed == dict(rows)
    assert set(listed) > ALONE.keys() | CUT_OFF.keys()
