"""The NodeConfig file: what is accepted, and the sentence for what is not."""

import json
from pathlib import Path
from typing import Any

import pytest

from ringcheck_reference.core.config import Limits
from ringcheck_reference.shell.config import ConfigError, Settings, load
from ringcheck_reference.shell.description import describe


@pytest.fixture
def good(tmp_path: Path) -> dict[str, Any]:
    """A NodeConfig of three nodes, with nothing but what is required."""
    return {
        "nodeId": "n1",
        "listenAddress": "127.0.0.1:20001",
        "dataDirectory": str(tmp_path),
        "n": 3,
        "r": 2,
        "w": 2,
        "partitionCount": 16,
        "members": [{"nodeId": name, "weight": 1} for name in ("n1", "n2", "n3")],
        "addressBook": {"n2": "127.0.0.1:20002", "n3": "127.0.0.1:20003"},
    }


def load_json(tmp_path: Path, config: dict[str, Any]) -> Settings:
    """What the node makes of `config`, by way of a file."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    return load(path)


def test_defaults_fill_in(good: dict[str, Any], tmp_path: Path) -> None:
    """What is left out gets a default; what is given is kept, times in seconds."""
    settings = load_json(tmp_path, good | {"requestTimeoutMs": 1500, "limits": {"maxSiblings": 7}, "seed": "9"})
    assert settings.core.request_timeout == 1.5
    assert settings.core.gossip_interval == 0.2
    assert settings.core.limits == Limits(max_siblings=7)
    assert settings.deadlines.detection_ms == 1000
    assert settings.seed == 9
    assert settings.address_book == {"n2": "127.0.0.1:20002", "n3": "127.0.0.1:20003"}


@pytest.mark.parametrize(
    ("partitions", "given", "declared"), [(16, 0, 10_000), (4096, 0, 40_960), (4096, 5_000, 5_000)]
)
def test_very_many_partitions_take_longer_to_settle(
    good: dict[str, Any], tmp_path: Path, partitions: int, given: int, declared: int
) -> None:
    """Unless it is said how long that may take."""
    settings = load_json(tmp_path, good | {"partitionCount": partitions, "convergenceDeadlineMs": given})
    assert settings.deadlines.convergence_ms == declared


def test_tombstones_are_kept_for_ever_unless_it_says_otherwise(good: dict[str, Any], tmp_path: Path) -> None:
    """What it says is what Describe declares."""
    for given, declared in ((None, 0), ("6000", 6000)):
        settings = load_json(tmp_path, good | ({"tombstoneLifetimeMs": given} if given else {}))
        assert settings.core.tombstone_lifetime == declared / 1000
        assert describe(settings.core, settings.deadlines).tombstone_lifetime_ms == declared


def test_the_message_limit_follows_the_others(good: dict[str, Any], tmp_path: Path) -> None:
    """Left to the node, it leaves room for the largest set of siblings."""
    limits = load_json(tmp_path, good | {"limits": {"maxValueBytes": 1 << 20}}).core.limits
    assert limits.max_message_bytes > limits.max_siblings << 20


def test_the_own_address_may_stand_in_the_book(good: dict[str, Any], tmp_path: Path) -> None:
    """A book lists every node that may ever exist; all but the own address may be dialled some day."""
    good["addressBook"] |= {"n1": "127.0.0.1:20001", "n9": "127.0.0.1:20009"}
    assert set(load_json(tmp_path, good).address_book) == {"n2", "n3", "n9"}


def test_a_node_that_joins_later_is_no_member(good: dict[str, Any], tmp_path: Path) -> None:
    """It is told the same members as they were, and may have its own and other seeds."""
    good["addressBook"]["n1"] = "127.0.0.1:20001"
    settings = load_json(tmp_path, good | {"nodeId": "n9", "seeds": ["n9", "n2"]})
    assert settings.core.node_id == "n9"
    assert [member.id for member in settings.core.members] == ["n1", "n2", "n3"]
    assert set(settings.address_book) == {"n1", "n2", "n3"}
    assert settings.core.seeds == ("n2",)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"nodeId": ""}, "node_id is empty"),
    ({"nodeId": "n9"}, "address_book lacks 'n1'; give the address to dial for every member"),
    ({"members": []}, "members is empty"),
    ({"members": [{"weight": 1}]}, r"members\[0\] has no node_id"),
    ({"nodeId": "n" * 256}, "node_id is longer than 255 bytes"),
    ({"members": [{"nodeId": "n" * 256, "weight": 1}]}, r"members\[0\].node_id is longer than 255 bytes"),
    ({"members": [{"nodeId": "n1", "weight": 1, "host": "é" * 128}]}, r"members\[0\].host is longer than 255 bytes"),
    ({"members": [{"nodeId": "n1", "weight": 1}] * 2}, "members has 'n1' twice"),
    ({"members": [{"nodeId": "n1"}]}, "member 'n1' has weight 0"),
    ({"n": 0}, "n is 0"),
    ({"r": 0}, "r is 0; it must lie between 1 and n, which is 3"),
    ({"r": 4}, "r is 4"),
    ({"w": 0}, "w is 0"),
    ({"w": 4}, "w is 4"),
    (
        {"members": [{"nodeId": name, "weight": 1, "host": "h"} for name in ("n1", "n2", "n3")]},
        r"w is 2, but the members have 1 host\(s\)",
    ),
    ({"partitionCount": 0}, "partition_count is 0"),
    ({"seeds": ["n2", "n7"]}, "address_book lacks 'n7'; give the address to dial for every seed"),
    ({"listenAddress": "20001"}, "listen_address is '20001'; write it as host:port"),
    ({"listenAddress": "localhost:0"}, "listen_address is 'localhost:0'"),
    ({"listenAddress": "localhost:70000"}, "listen_address is 'localhost:70000'"),
    ({"listenAddress": f"127.0.0.1:{'9' * 5000}"}, r"listen_address is '127.0.0.1:9{90}…'; write it as host:port"),
    ({"listenAddress": f"{'a' * 64}.org:20001"}, "listen_address is 'a{64}.org:20001'; write it as host:port"),
    ({"listenAddress": "a..b:1"}, r"listen_address is 'a\.\.b:1'; write it as host:port"),
    ({"listenAddress": "[::1:20991"}, r"listen_address is '\[::1:20991'; write an IPv6 address, .*, in brackets"),
    ({"listenAddress": "::1:20991"}, "listen_address is '::1:20991'; write an IPv6 address, .*, in brackets"),
    ({"listenAddress": "[localhost]:20991"}, "write an IPv6 address, and nothing else, in brackets"),
    ({"metricsAddress": f"{'a' * 64}.org:20001"}, "metrics_address is 'a{64}.org:20001'; write it as host:port"),
    ({"metricsAddress": "127.0.0.1:20001"}, "metrics_address is '127.0.0.1:20001', as listen_address is; .* another"),
    ({"addressBook": {"n2": "127.0.0.1:20002"}}, "address_book lacks 'n3'"),
    (
        {"addressBook": {"n2": "127.0.0.1:20002", "n3": "a..b:1"}},
        r"address_book\['n3'\] is 'a\.\.b:1'; write it as host:port",
    ),
    ({"addressBook": {"n2": "127.0.0.1:20002", "n3": "n3"}}, r"address_book\['n3'\] is 'n3'"),
    ({"dataDirectory": ""}, "data_directory is empty"),
    ({"dataDirectory": "/does/not/exist"}, "data_directory /does/not/exist does not exist"),
    ({"dataDirectory": "d" * 300}, "data_directory 'd{100}…' cannot be looked at: File name too long; name another"),
    ({"limits": {"maxMessageBytes": 1000}}, "limits.max_message_bytes is 1000"),
    ({"partitionCount": 4294967295}, "partition_count is 4294967295; this node can do with at most 16384, since it"),
    ({"limits": {"maxValueBytes": 4294967295}}, r"limits ask for messages of \d+ bytes: .* lower them"),
    ({"limits": {"maxMessageBytes": 4294967295}}, "limits ask for messages of 4294967295 bytes"),
    ({"limits": {"maxSiblings": 4294967295}}, "limits ask for messages of"),
    ({"limits": {"maxKeyBytes": 4294967295}}, "limits ask for messages of"),
    ({"colour": "red"}, "is no NodeConfig in protobuf's JSON mapping"),
    ({"n": -1}, "is no NodeConfig in protobuf's JSON mapping"),
]


@pytest.mark.parametrize(("change", "sentence"), WRONG, ids=[f"{sentence[:24]}" for _, sentence in WRONG])
def test_what_is_wrong_is_said(good: dict[str, Any], tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    """Each mistake is one sentence on one line, which names the file and what was seen."""
    with pytest.raises(ConfigError, match=sentence) as caught:
        load_json(tmp_path, good | change)
    message = str(caught.value)
    assert "config.json" in message
    assert "\n" not in message
    assert message.endswith(".")


def test_an_ipv6_address_stands_in_brackets(good: dict[str, Any], tmp_path: Path) -> None:
    """So it may be listened on, its zone included."""
    for address in ("[::1]:20001", "[fe80::1%eth0]:20001"):
        assert load_json(tmp_path, good | {"listenAddress": address}).listen_address == address


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is named."""
    with pytest.raises(ConfigError, match=r"Cannot read the NodeConfig .*absent.json: No such file"):
        load(tmp_path / "absent.json")


@pytest.mark.parametrize(("content", "sentence"), [(b"{", "is no NodeConfig"), (b"\xff", "is not UTF-8")])
def test_a_file_that_is_no_json(tmp_path: Path, content: bytes, sentence: str) -> None:
    """Text that is no JSON, and bytes that are no text, are called that."""
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=sentence):
        load(path)
