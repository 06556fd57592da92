"""What is generated from the contract can be used: typed in and out of JSON, by any protobuf runtime."""

import os
import subprocess
import sys

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from dynamo_node.v1 import config_pb2, node_pb2

NAMES = ("config", "inspect", "key_value", "membership", "node", "peer", "ring")
SERVICES = {
    "KV": "KeyValue",
    "DESCRIBE": "Node",
    "RING": "Ring",
    "MEMBERSHIP": "Membership",
    "INSPECT": "Inspect",
    "PEER": "Peer",
}
IMPORTS = "\n".join(f"from dynamo_node.v1 import {name}_pb2, {name}_pb2_grpc" for name in NAMES)
SCRIPT = f"""
{IMPORTS}
from google.protobuf import json_format
from google.protobuf.internal import api_implementation
config = config_pb2.NodeConfig(node_id="n1", address_book={{"n2": "127.0.0.1:1"}})
assert json_format.Parse(json_format.MessageToJson(config), config_pb2.NodeConfig()) == config
print(api_implementation.Type())
"""

u32 = st.integers(0, 2**32 - 1)
text = st.text(st.characters(codec="utf-8"), max_size=8)
members = st.builds(config_pb2.Member, node_id=text, weight=u32, host=text)
limits = st.builds(node_pb2.Limits, max_key_bytes=u32, max_value_bytes=u32, max_siblings=u32, max_message_bytes=u32)
configs = st.builds(
    config_pb2.NodeConfig,
    node_id=text,
    listen_address=text,
    data_directory=text,
    n=u32,
    r=u32,
    w=u32,
    partition_count=u32,
    members=st.lists(members, max_size=3),
    seeds=st.lists(text, max_size=3),
    gossip_interval_ms=u32,
    handoff_interval_ms=u32,
    anti_entropy_interval_ms=u32,
    replica_timeout_ms=u32,
    request_timeout_ms=u32,
    detection_deadline_ms=u32,
    convergence_deadline_ms=u32,
    limits=st.none() | limits,
    # JSON writes a 64-bit number as a string, since a double cannot hold it.
    seed=st.integers(0, 2**64 - 1),
    address_book=st.dictionaries(text, text, max_size=3),
    metrics_address=text,
    max_in_flight=u32,
    tombstone_lifetime_ms=st.integers(0, 2**64 - 1),
)


@given(configs)
def test_a_node_config_survives_json(config: config_pb2.NodeConfig) -> None:
    """What a launcher writes is what a node reads, for every value of every field."""
    assert json_format.Parse(json_format.MessageToJson(config), config_pb2.NodeConfig()) == config


@given(configs)
def test_both_spellings_of_a_field_are_read(config: config_pb2.NodeConfig) -> None:
    """A launcher may write field names as the .proto file spells them; protobuf's JSON allows both."""
    spelt = json_format.MessageToJson(config, preserving_proto_field_name=True)
    assert json_format.Parse(spelt, config_pb2.NodeConfig()) == config


def test_the_strategy_draws_every_field() -> None:
    """A new field of NodeConfig must be drawn above, or the round trip says nothing of it."""
    drawn = {
        "node_id", "listen_address", "data_directory", "n", "r", "w", "partition_count", "members", "seeds",
        "gossip_interval_ms", "handoff_interval_ms", "anti_entropy_interval_ms", "replica_timeout_ms",
        "request_timeout_ms", "detection_deadline_ms", "convergence_deadline_ms", "limits", "seed", "address_book",
        "metrics_address", "max_in_flight", "tombstone_lifetime_ms",
    }  # fmt: skip
    assert drawn == set(config_pb2.NodeConfig.DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize("implementation", ["upb", "python"])
def test_the_modules_load_under_every_runtime(implementation: str) -> None:
    """The generated code works with protobuf's C runtime and with the one in pure Python."""
    environment = os.environ | {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": implementation}
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, implementation), ran.stderr


def test_each_profile_is_one_service() -> None:
    """Profiles and services are the same six things."""
    assert {name.removeprefix("PROFILE_") for name in node_pb2.Profile.keys()[1:]} == set(SERVICES)
    pool = node_pb2.DESCRIPTOR.pool
    for name in NAMES:
        __import__(f"dynamo_node.v1.{name}_pb2")
    services = {
        service for name in NAMES for service in pool.FindFileByName(f"dynamo_node/v1/{name}.proto").services_by_name
    }
    assert services == set(SERVICES.values())
