"""What a node says of itself, read and checked before anything is asked of it."""

from collections.abc import Iterator

from dynamo_node.v1 import node_pb2
from ringcheck.errors import TargetError
from ringcheck.history import Description
from ringcheck.schedule import Configuration

PREFIX = "PROFILE_"
REQUIRED = ("kv", "describe")


def read_description(response: node_pb2.DescribeResponse, node: str, configuration: Configuration) -> Description:
    """The answer of `node` to Describe; raises TargetError with the first thing that is wrong with it."""
    for fault in _faults(response, node, configuration):
        raise TargetError(f"Node {node} describes itself wrongly: {fault}.")
    limits = response.limits
    return Description(
        node_id=response.node_id,
        implementation=response.implementation,
        version=response.version,
        profiles=tuple(profile_name(number) for number in sorted(response.profiles)),
        n=response.n,
        r=response.r,
        w=response.w,
        partition_count=response.partition_count,
        max_key_bytes=limits.max_key_bytes,
        max_value_bytes=limits.max_value_bytes,
        max_siblings=limits.max_siblings,
        max_message_bytes=limits.max_message_bytes,
        request_timeout_ms=response.request_timeout_ms,
        detection_deadline_ms=response.detection_deadline_ms,
        convergence_deadline_ms=response.convergence_deadline_ms,
        tombstone_lifetime_ms=response.tombstone_lifetime_ms,
    )


def _faults(response: node_pb2.DescribeResponse, node: str, wanted: Configuration) -> Iterator[str]:
    if response.node_id != node:
        yield f"node_id is {response.node_id!r}, and it was started as {node!r}"
    if not response.implementation:
        yield "implementation is empty, and must be a name"
    yield from _profile_faults(response)
    for name, seen, expected in (
        ("n", response.n, wanted.n),
        ("r", response.r, wanted.r),
        ("w", response.w, wanted.w),
    ):
        if seen != expected:
            yield f"{name} is {seen}, and its configuration says {expected}"
    partitioned = {node_pb2.PROFILE_RING, node_pb2.PROFILE_INSPECT} & set(response.profiles)
    if partitioned and response.partition_count != wanted.partition_count:
        yield f"partition_count is {response.partition_count}, and its configuration says {wanted.partition_count}"
    for name, number in (
        ("partition_count", response.partition_count),
        ("limits.max_key_bytes", response.limits.max_key_bytes),
        ("limits.max_value_bytes", response.limits.max_value_bytes),
        ("limits.max_siblings", response.limits.max_siblings),
        ("limits.max_message_bytes", response.limits.max_message_bytes),
        ("request_timeout_ms", response.request_timeout_ms),
        ("detection_deadline_ms", response.detection_deadline_ms),
        ("convergence_deadline_ms", response.convergence_deadline_ms),
    ):
        if number < 1:
            yield f"{name} is {number}, and must be at least 1"


def _profile_faults(response: node_pb2.DescribeResponse) -> Iterator[str]:
    known = set(node_pb2.Profile.values()) - {node_pb2.PROFILE_UNSPECIFIED}
    for number in response.profiles:
        if number not in known:
            yield f"profile {number} is none of this contract"
    if len(set(response.profiles)) != len(response.profiles):
        yield "a profile is declared twice"
    for required in REQUIRED:
        if node_pb2.Profile.Value(PREFIX + required.upper()) not in response.profiles:
            yield f"the profile {required} is missing, which every node declares"


def profile_name(number: int) -> str:
    """The word for a profile, as requirements have it; its number for one that this contract does not know."""
    if number not in node_pb2.Profile.values():
        return str(number)
    return node_pb2.Profile.Name(node_pb2.Profile.ValueType(number)).removeprefix(PREFIX).lower()
