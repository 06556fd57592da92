"""The foreign node keeps the contract without the harness watching, and each of its switches does what it says."""

import base64
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from dynamo_node.v1 import config_pb2, key_value_pb2_grpc, node_pb2, node_pb2_grpc, ring_pb2, ring_pb2_grpc
from dynamo_node.v1 import key_value_pb2 as kv

FOREIGN = Path(__file__).with_name("foreign.py")
REQUEST_TIMEOUT_S = 2.0
# Below the ephemeral range, so that no outgoing connection takes the port of a node that is down.
PORTS = range(10_000, 20_000)
LIMITS = node_pb2.Limits(max_key_bytes=16, max_value_bytes=64, max_siblings=4, max_message_bytes=1 << 20)


def eventually(holds: Callable[[], bool], deadline_s: float = 10.0) -> None:
    """Wait for a condition; fails when it does not come true."""
    end = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < end, f"did not happen within {deadline_s} s"
        time.sleep(0.02)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    free: list[int] = []
    while len(free) < count:
        with socket.socket() as probe:
            port = random.choice(PORTS)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port not in free:
                free.append(port)
    return free


class Cluster:
    """Foreign nodes as processes, and clients that talk to each."""

    def __init__(self, folder: Path, size: int = 3, n: int = 3) -> None:
        self.folder = folder
        self.names = [f"n{number}" for number in range(1, size + 1)]
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in zip(self.names, free_ports(size), strict=True)}
        self.processes: dict[str, subprocess.Popen[str]] = {}
        options = (
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_retries", 0),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 200),
        )
        self.channels = {name: grpc.insecure_channel(self.addresses[name], options) for name in self.names}
        self.stubs = {name: key_value_pb2_grpc.KeyValueStub(channel) for name, channel in self.channels.items()}
        quorum = n // 2 + 1
        for name in self.names:
            (folder / name).mkdir()
            config = config_pb2.NodeConfig(
                node_id=name,
                listen_address=self.addresses[name],
                data_directory=str(folder / name),
                n=n,
                r=quorum,
                w=quorum,
                partition_count=16,
                members=[config_pb2.Member(node_id=member, weight=1) for member in self.names],
                anti_entropy_interval_ms=200,
                request_timeout_ms=int(REQUEST_TIMEOUT_S * 1000),
                detection_deadline_ms=1000,
                convergence_deadline_ms=10_000,
                limits=LIMITS,
                address_book=self.addresses,
            )
            (folder / f"{name}.json").write_text(json_format.MessageToJson(config))

    def launch(self, name: str, *switches: str) -> subprocess.Popen[str]:
        """Start one node and do not wait for it."""
        command = [sys.executable, str(FOREIGN), *switches, str(self.folder / f"{name}.json")]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.processes[name] = process
        return process

    def start(self, *switches: str, names: list[str] | None = None) -> None:
        """Start the nodes named, or all, and wait until they are ready for clients."""
        for name in names or self.names:
            self.launch(name, *switches)
        for name in names or self.names:
            eventually(lambda name=name: self.health(name) == "SERVING")  # type: ignore[misc]

    def health(self, name: str) -> str:
        """What the node says of its health; empty when it does not answer."""
        stub = health_pb2_grpc.HealthStub(self.channels[name])
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.RpcError:
            return ""
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    def describe(self, name: str) -> node_pb2.DescribeResponse:
        """What the node says of itself."""
        return node_pb2_grpc.NodeStub(self.channels[name]).Describe(node_pb2.DescribeRequest(), timeout=5)

    def put(self, name: str, key: bytes, value: bytes, context: bytes = b"", w: int = 0) -> bytes:
        """A Put through one node; returns its context."""
        request = kv.PutRequest(key=key, value=value, context=context, w=w)
        return self.stubs[name].Put(request, timeout=5).context

    def get(self, name: str, key: bytes, r: int = 0) -> tuple[list[bytes], bytes]:
        """The sorted siblings, and the context."""
        answer = self.stubs[name].Get(kv.GetRequest(key=key, r=r), timeout=5)
        return sorted(answer.values), answer.context

    def delete(self, name: str, key: bytes, context: bytes, w: int = 0) -> None:
        """A Delete through one node."""
        self.stubs[name].Delete(kv.DeleteRequest(key=key, context=context, w=w), timeout=5)

    def state(self, name: str, key: bytes) -> bytes:
        """The key's last line in the node's log: what its own disk holds of the key; empty when nothing."""
        log = self.folder / name / "foreign.log"
        lines = log.read_bytes().splitlines() if log.exists() else []
        quoted = b'"' + base64.b64encode(key) + b'"'
        return next((line for line in reversed(lines) if quoted in line), b"")

    def kill(self, *names: str) -> None:
        """SIGKILL to all of them before any is waited for."""
        for name in names:
            self.processes[name].kill()
        for name in names:
            self.processes.pop(name).communicate()

    def close(self) -> None:
        """No process and no channel is left."""
        self.kill(*self.processes)
        for channel in self.channels.values():
            channel.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Three nodes that a test may do anything to; not started yet."""
    nodes = Cluster(tmp_path)
    yield nodes
    nodes.close()


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three honest nodes that run; each test writes to keys of its own."""
    nodes = Cluster(tmp_path_factory.mktemp("honest"))
    nodes.start()
    yield nodes
    nodes.close()


def test_any_node_serves_what_another_was_given(honest: Cluster) -> None:
    """A Get through any node returns what was put through another."""
    honest.put("n1", b"any", b"v1")
    assert [honest.get(name, b"any")[0] for name in honest.names] == [[b"v1"]] * 3


def test_a_key_never_written_is_empty(honest: Cluster) -> None:
    """A key that nobody wrote has no values and an empty context."""
    assert honest.get("n2", b"never") == ([], b"")


def test_a_blind_put_supersedes_nothing(honest: Cluster) -> None:
    """Blind puts stay side by side, equal values included."""
    for name in honest.names:
        honest.put(name, b"blind", b"same")
    assert honest.get("n1", b"blind")[0] == [b"same"] * 3


@pytest.mark.parametrize("second", ["n1", "n2"])
def test_puts_that_share_a_context_are_concurrent(honest: Cluster, second: str) -> None:
    """Two puts with one context replace what it covers and leave each other alone."""
    key = b"shared-" + second.encode()
    honest.put("n3", key, b"old")
    _, context = honest.get("n3", key)
    honest.put("n1", key, b"a", context)
    honest.put(second, key, b"b", context)
    assert honest.get("n3", key)[0] == [b"a", b"b"]


def test_the_context_of_a_put_covers_no_unseen_sibling(honest: Cluster) -> None:
    """A client can chain writes without reading, and a sibling that it has not seen stays."""
    honest.put("n2", b"chain", b"unseen")
    context = honest.put("n1", b"chain", b"first")
    honest.put("n3", b"chain", b"second", context)
    assert honest.get("n1", b"chain")[0] == [b"second", b"unseen"]


def test_a_delete_removes_what_it_has_seen(honest: Cluster) -> None:
    """A concurrent put survives a delete, and a deleted key can be written again."""
    honest.put("n1", b"gone", b"seen")
    _, context = honest.get("n2", b"gone")
    honest.put("n3", b"gone", b"later")
    honest.delete("n2", b"gone", context)
    values, context = honest.get("n1", b"gone")
    assert values == [b"later"]
    honest.delete("n1", b"gone", context)
    assert honest.get("n3", b"gone")[0] == []
    honest.put("n2", b"gone", b"new", context)
    assert honest.get("n1", b"gone")[0] == [b"new"]


def test_an_empty_value_is_a_value(honest: Cluster) -> None:
    """Bytes of every value go in and come out, and so do none at all."""
    key, value = bytes(range(240, 256)), bytes(range(64))
    context = honest.put("n1", key, value)
    assert honest.get("n2", key)[0] == [value]
    honest.put("n1", key, b"", context)
    assert honest.get("n2", key)[0] == [b""]


REFUSED: dict[str, Callable[[Cluster, bytes], Any]] = {
    "empty key": lambda c, _: c.put("n1", b"", b"v"),
    "empty key read": lambda c, _: c.get("n1", b""),
    "long key": lambda c, _: c.put("n1", b"k" * 17, b"v"),
    "long value": lambda c, _: c.put("n1", b"refused", b"v" * 65),
    "context of another key": lambda c, other: c.put("n1", b"refused", b"v", other),
    "malformed context": lambda c, other: c.put("n1", b"other", b"v", other[:-1]),
    "context of garbage": lambda c, _: c.put("n1", b"refused", b"v", b"\xff" * 40),
    "delete without context": lambda c, _: c.delete("n1", b"other", b""),
    "delete with context of another key": lambda c, other: c.delete("n1", b"refused", other),
    "w above N": lambda c, _: c.put("n1", b"refused", b"v", w=4),
    "w above N for a delete": lambda c, other: c.delete("n1", b"other", other, w=4),
    "r above N": lambda c, _: c.get("n1", b"other", r=4),
}


@pytest.mark.parametrize("refused", REFUSED)
def test_what_is_invalid_is_refused_and_changes_nothing(honest: Cluster, refused: str) -> None:
    """Invalid input is INVALID_ARGUMENT with a message, and neither key changes."""
    before = honest.get("n2", b"other")
    other = before[1] or honest.put("n2", b"other", b"v")
    before = honest.get("n2", b"other")
    with pytest.raises(grpc.RpcError) as error:
        REFUSED[refused](honest, other)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.details()
    assert honest.get("n2", b"other") == before
    assert honest.get("n2", b"refused") == ([], b"")


def test_the_sibling_limit_is_kept(honest: Cluster) -> None:
    """A Put that would leave one sibling too many is refused, and one that clears up is not."""
    for value in (b"1", b"2", b"3", b"4"):
        honest.put("n1", b"siblings", value)
    with pytest.raises(grpc.RpcError) as error:
        honest.put("n1", b"siblings", b"5")
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    values, context = honest.get("n1", b"siblings")
    assert len(values) == 4
    honest.put("n1", b"siblings", b"6", context)
    assert honest.get("n2", b"siblings")[0] == [b"6"]


def test_it_describes_what_it_was_given(honest: Cluster) -> None:
    """Describe declares kv and describe alone, with the numbers of the NodeConfig."""
    said = honest.describe("n2")
    assert said.node_id == "n2"
    assert list(said.profiles) == [node_pb2.PROFILE_KV, node_pb2.PROFILE_DESCRIBE]
    assert (said.n, said.r, said.w, said.partition_count) == (3, 2, 2, 16)
    assert said.limits == LIMITS
    assert said.request_timeout_ms == int(REQUEST_TIMEOUT_S * 1000)


def test_an_undeclared_service_is_unimplemented(honest: Cluster) -> None:
    """A call of a profile that is not declared is answered UNIMPLEMENTED."""
    with pytest.raises(grpc.RpcError) as error:
        ring_pb2_grpc.RingStub(honest.channels["n1"]).GetRing(ring_pb2.GetRingRequest(), timeout=5)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_an_address_in_use_is_one_sentence(honest: Cluster) -> None:
    """A second node on the same address ends at once and says why."""
    command = [sys.executable, str(FOREIGN), str(honest.folder / "n1.json")]
    second = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert second.returncode == 1
    assert honest.addresses["n1"] in second.stderr
    assert "Traceback" not in second.stderr


def test_acknowledged_writes_survive_the_death_of_all(cluster: Cluster) -> None:
    """SIGKILL to every node right after the answer loses nothing, and the context still works."""
    cluster.start()
    context = cluster.put("n1", b"kept", b"v1")
    cluster.kill(*cluster.names)
    for name in cluster.names:
        with (cluster.folder / name / "foreign.log").open("ab") as log:
            log.write(b'{"key": "torn')
    cluster.start()
    assert cluster.get("n3", b"kept")[0] == [b"v1"]
    cluster.put("n2", b"kept", b"v2", context)
    cluster.kill(*cluster.names)
    cluster.start()
    assert cluster.get("n1", b"kept")[0] == [b"v2"]


def test_a_minority_acknowledges_nothing(cluster: Cluster) -> None:
    """With fewer than W or R nodes in reach the node says UNAVAILABLE, long before its client gives up."""
    cluster.start()
    cluster.put("n1", b"alone", b"v1", w=3)
    cluster.kill("n2", "n3")
    for call in (lambda: cluster.put("n1", b"alone", b"v2"), lambda: cluster.get("n1", b"alone")):
        with pytest.raises(grpc.RpcError) as error:
            call()
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    assert cluster.get("n1", b"alone", r=1)[0] == [b"v1", b"v2"], "a failed write is not undone"


def test_what_a_node_missed_reaches_it_without_a_client(cluster: Cluster) -> None:
    """Writes and deletes go on without one node, which has them all after it came back."""
    cluster.start()
    _, context = cluster.get("n1", b"m0")
    context = cluster.put("n1", b"m0", b"doomed", w=3)
    cluster.kill("n3")
    cluster.delete("n2", b"m0", context)
    keys = [b"m%d" % number for number in range(1, 121)]
    for key in keys:
        cluster.put("n1", key, key)
    cluster.start(names=["n3"])
    # Nodes write on their own, in no order among them: the delete may come after all that was written later.
    eventually(lambda: cluster.state("n3", b"m0") == cluster.state("n2", b"m0"))
    eventually(lambda: all(cluster.state("n3", key) for key in keys))
    cluster.kill("n1", "n2")
    # A restart shows that n3 answers from its own disk.
    cluster.kill("n3")
    cluster.start(names=["n3"])
    assert [cluster.get("n3", key, r=1)[0] for key in keys] == [[key] for key in keys]
    assert cluster.get("n3", b"m0", r=1)[0] == []


def test_one_node_is_a_cluster(tmp_path: Path) -> None:
    """A single node with N = 1 serves, and ends with 0 on SIGTERM."""
    nodes = Cluster(tmp_path, size=1, n=1)
    try:
        nodes.start()
        nodes.put("n1", b"k", b"v")
        assert nodes.get("n1", b"k")[0] == [b"v"]
        process = nodes.processes.pop("n1")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=10)
        assert (process.returncode, said) == (0, "")
    finally:
        nodes.close()


def test_forgets(cluster: Cluster) -> None:
    """`--lie forgets` acknowledges a write that nobody ever sees."""
    cluster.start("--lie", "forgets")
    assert cluster.put("n1", b"k", b"v")
    assert cluster.get("n1", b"k")[0] == []


def test_drops_siblings(cluster: Cluster) -> None:
    """`--lie drops-siblings` lets a blind put replace what is there."""
    cluster.start("--lie", "drops-siblings")
    cluster.put("n1", b"k", b"v1")
    cluster.put("n1", b"k", b"v2")
    assert cluster.get("n1", b"k", r=3)[0] == [b"v2"]


def test_resurrects(cluster: Cluster) -> None:
    """`--lie resurrects` is honest until a node starts again and brings a deleted value back."""
    cluster.start("--lie", "resurrects")
    context = cluster.put("n1", b"k", b"v", w=3)
    cluster.delete("n1", b"k", context, w=3)
    assert cluster.get("n2", b"k", r=3)[0] == []
    cluster.kill("n1")
    cluster.start("--lie", "resurrects", names=["n1"])
    assert cluster.get("n2", b"k", r=3)[0] == [b"v"]


def test_alone(cluster: Cluster) -> None:
    """`--lie alone` acknowledges what one disk alone holds."""
    cluster.start("--lie", "alone")
    cluster.kill("n2", "n3")
    cluster.put("n1", b"k", b"v", w=3)
    assert cluster.get("n1", b"k", r=3)[0] == [b"v"]


def test_declares_what_it_does_not_serve(cluster: Cluster) -> None:
    """`--declare ring` puts the profile into Describe, and the service is not there."""
    cluster.start("--declare", "ring", names=["n1"])
    assert node_pb2.PROFILE_RING in cluster.describe("n1").profiles
    with pytest.raises(grpc.RpcError) as error:
        ring_pb2_grpc.RingStub(cluster.channels["n1"]).GetRing(ring_pb2.GetRingRequest(), timeout=5)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_declares_nonsense(cluster: Cluster) -> None:
    """`--nonsense` says that a key has no home."""
    cluster.start("--nonsense", names=["n1"])
    assert cluster.describe("n1").n == 0


def test_never_gets_healthy(cluster: Cluster) -> None:
    """`--never-healthy` answers, and never says SERVING."""
    cluster.launch("n1", "--never-healthy")
    eventually(lambda: cluster.health("n1") == "NOT_SERVING")


def test_exits_at_once(cluster: Cluster) -> None:
    """`--exit-at-once` ends with 1 and says that it was told to."""
    process = cluster.launch("n1", "--exit-at-once")
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (1, "foreign: told to exit at once.\n")


def test_help_lists_every_switch() -> None:
    """`--help` names each switch and each lie."""
    command = [sys.executable, str(FOREIGN), "--help"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    for word in ("forgets", "drops-siblings", "resurrects", "alone", "--declare", "--nonsense", "--never-healthy"):
        assert word in said
    assert "--exit-at-once" in said
