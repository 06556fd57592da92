"""Metrics: what is served over HTTP, by nodes as they are started."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from dynamo_node.v1 import inspect_pb2, key_value_pb2
from ringcheck_chaos import ports

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"

Samples = dict[tuple[str, tuple[str, ...]], float]


def scrape(address: str) -> Samples:
    """Every sample by its name and the values of its labels, in the order of the labels' names."""
    request = urllib.request.Request(f"http://{address}/metrics", headers={"Accept": OPEN_METRICS})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        text = answer.read().decode()
    families = list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.fixture
def metered(make_nodes: Any) -> Any:
    """Makes nodes with a metrics address, started and healthy."""
    leases = []

    def start(count: int) -> list[Any]:
        lease = ports.lease(count)
        leases.append(lease)
        nodes: list[Any] = make_nodes(count)
        for node, port in zip(nodes, lease.ports, strict=True):
            node.config["metricsAddress"] = f"127.0.0.1:{port}"
            node.start()
        for node in nodes:
            node.wait_until_serving()
        return nodes

    yield start
    for lease in leases:
        lease.release()


def test_counters_are_those_of_status(metered: Callable[[int], list[Any]]) -> None:
    """Every counter with its bytes, and which node it is."""
    (node,) = metered(1)
    node.key_value.Put(key_value_pb2.PutRequest(key=b"k", value=b"v" * 100), timeout=5)
    node.key_value.Get(key_value_pb2.GetRequest(key=b"k"), timeout=5)
    samples = scrape(node.config["metricsAddress"])
    status = node.inspect.Status(inspect_pb2.StatusRequest(), timeout=5)
    for field in status.DESCRIPTOR.fields:
        if field.message_type is not inspect_pb2.Tally.DESCRIPTOR:
            continue
        tally = getattr(status, field.name)
        suffix = "" if field.name == "hints_pending" else "_total"
        assert samples[f"dynamo_node_{field.name}{suffix}", ()] == tally.count
        assert samples[f"dynamo_node_{field.name}_bytes{suffix}", ()] == tally.bytes
    assert samples["dynamo_node_writes_total", ()] == 1
    assert samples["dynamo_node_writes_bytes_total", ()] > 100
    assert samples["dynamo_node_info", (status.incarnation, "n1")] == 1
    assert samples["dynamo_node_members", ()] == 1
    assert samples["dynamo_node_unconfirmed_partitions", ()] == samples["dynamo_node_draining", ()] == 0
    assert node.end(signal.SIGTERM) == 0


def test_times_of_requests_by_method_and_code(metered: Callable[[int], list[Any]]) -> None:
    """A request that is refused has taken its time too."""
    (node,) = metered(1)
    for _ in range(3):
        node.key_value.Put(key_value_pb2.PutRequest(key=b"k", value=b"v"), timeout=5)
    got = node.key_value.Get(key_value_pb2.GetRequest(key=b"k"), timeout=5)
    node.key_value.Delete(key_value_pb2.DeleteRequest(key=b"k", context=got.context), timeout=5)
    with pytest.raises(grpc.RpcError):
        node.key_value.Delete(key_value_pb2.DeleteRequest(key=b"k"), timeout=5)
    samples = scrape(node.config["metricsAddress"])
    counts = {labels: value for (name, labels), value in samples.items() if name == "dynamo_node_request_seconds_count"}
    assert counts == {
        ("OK", "Put"): 3,
        ("OK", "Get"): 1,
        ("OK", "Delete"): 1,
        ("INVALID_ARGUMENT", "Delete"): 1,
    }
    assert samples["dynamo_node_request_seconds_bucket", ("OK", "5.0", "Put")] == 3
    assert 0 < samples["dynamo_node_request_seconds_sum", ("OK", "Put")] < 15


def test_times_of_peers_by_kind(metered: Callable[[int], list[Any]]) -> None:
    """What was answered is timed, what was not is counted."""
    first, second = metered(2)
    first.key_value.Put(key_value_pb2.PutRequest(key=b"k", value=b"v"), timeout=5)
    second.key_value.Put(key_value_pb2.PutRequest(key=b"k", value=b"w"), timeout=5)
    both = [scrape(node.config["metricsAddress"]) for node in (first, second)]
    assert sum(samples.get(("dynamo_node_peer_request_seconds_count", ("replicate",)), 0) for samples in both) >= 2
    assert second.end(signal.SIGKILL) != 0
    with pytest.raises(grpc.RpcError):
        first.key_value.Put(key_value_pb2.PutRequest(key=b"k", value=b"x", w=2), timeout=5)
    samples = scrape(first.config["metricsAddress"])
    failures = {labels for (name, labels) in samples if name == "dynamo_node_peer_failures_total"}
    assert {reason for _, reason in failures} & {"unsent", "lost"}


def test_a_node_without_metrics_does_not_wait_for_their_import() -> None:
    """It would take half as long as the rest of a start."""
    code = "import sys, ringcheck_reference.shell.main; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_an_address_that_is_taken_is_3(make_nodes: Any) -> None:
    """One sentence that names the address and the field."""
    (node,) = make_nodes(1)
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        node.config["metricsAddress"] = f"127.0.0.1:{squatter.getsockname()[1]}"
        node.start()
        assert node.process.wait(20) == 3
    (line,) = node.log_path.read_text().splitlines()
    assert f"Cannot listen on {node.config['metricsAddress']}: Address already in use" in line
    assert line.endswith("give the node another metrics_address.")


def test_what_is_no_address_is_2(make_nodes: Any) -> None:
    """As for the address on which it listens."""
    (node,) = make_nodes(1)
    node.config["metricsAddress"] = "9101"
    node.config_path.write_text(json.dumps(node.config))
    node.start()
    assert node.process.wait(20) == 2
    assert "metrics_address is '9101'; write it as host:port" in node.log_path.read_text()
