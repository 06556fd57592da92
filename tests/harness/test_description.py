from typing import Any

import pytest

from dynamo_node.v1 import node_pb2
from ringcheck.description import read_description
from ringcheck.errors import TargetError
from ringcheck.schedule import Configuration

CONFIGURATION = Configuration(nodes=5, n=3, r=2, w=2)


def answer(**changes: Any) -> node_pb2.DescribeResponse:
    """A sound answer to Describe but for these changes."""
    limits = node_pb2.Limits(max_key_bytes=1, max_value_bytes=1, max_siblings=1, max_message_bytes=1)
    fields: dict[str, Any] = {
        "node_id": "n1",
        "implementation": "test",
        "profiles": [node_pb2.PROFILE_KV, node_pb2.PROFILE_DESCRIBE],
        "n": 3,
        "r": 2,
        "w": 2,
        "partition_count": 1,
        "limits": limits,
        "request_timeout_ms": 1,
        "detection_deadline_ms": 1,
        "convergence_deadline_ms": 1,
    }
    return node_pb2.DescribeResponse(**{**fields, **changes})


def test_sound_answer_is_read() -> None:
    """A node that says what it must is described in our words."""
    seen = read_description(answer(), "n1", CONFIGURATION)
    assert seen.profiles == ("kv", "describe")
    assert (seen.n, seen.r, seen.w, seen.max_value_bytes) == (3, 2, 2, 1)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"node_id": "n2"}, "node_id is 'n2', and it was started as 'n1'"),
        ({"implementation": ""}, "implementation is empty"),
        ({"profiles": [node_pb2.PROFILE_DESCRIBE]}, "profile kv is missing"),
        ({"profiles": [node_pb2.PROFILE_KV]}, "profile describe is missing"),
        ({"profiles": [1, 2, 2]}, "declared twice"),
        ({"profiles": [1, 2, 77]}, "profile 77 is none"),
        ({"profiles": [0, 1, 2]}, "profile 0 is none"),
        ({"n": 0}, "n is 0, and its configuration says 3"),
        ({"r": 4}, "r is 4"),
        ({"w": 1}, "w is 1"),
        ({"partition_count": 0}, "partition_count is 0"),
        ({"profiles": [1, 2, 3], "partition_count": 8}, "partition_count is 8, and its configuration says 16"),
        ({"limits": node_pb2.Limits(max_key_bytes=9)}, "limits.max_value_bytes is 0, and must be at least 1"),
        ({"request_timeout_ms": 0}, "request_timeout_ms is 0"),
        ({"convergence_deadline_ms": 0}, "convergence_deadline_ms is 0"),
    ],
)
def test_nonsense_is_told_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    """What contradicts the contract or the configuration breaks the target, and is named."""
    with pytest.raises(TargetError, match="Node n1 describes itself wrongly") as caught:
        read_description(answer(**changes), "n1", CONFIGURATION)
    assert sentence in str(caught.value)
