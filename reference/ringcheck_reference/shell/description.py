"""What a reference node says of itself: the answer to Describe."""

import functools
from typing import Final

from dynamo_node.v1 import node_pb2
from ringcheck_reference.core.config import CoreConfig
from ringcheck_reference.shell.config import Deadlines

IMPLEMENTATION: Final = "ringcheck-reference"
PROFILES: Final = (
    node_pb2.PROFILE_KV,
    node_pb2.PROFILE_DESCRIBE,
    node_pb2.PROFILE_RING,
    node_pb2.PROFILE_MEMBERSHIP,
    node_pb2.PROFILE_INSPECT,
    node_pb2.PROFILE_PEER,
)


@functools.cache
def version() -> str:
    """The version of this program."""
    # Imported at the first question, since it would take a tenth of the time that a start takes.
    import importlib.metadata

    return importlib.metadata.version("ringcheck")


def describe(core: CoreConfig, deadlines: Deadlines) -> node_pb2.DescribeResponse:
    """Of a node with this configuration."""
    return node_pb2.DescribeResponse(
        node_id=core.node_id,
        implementation=IMPLEMENTATION,
        version=version(),
        profiles=PROFILES,
        n=core.n,
        r=core.r,
        w=core.w,
        partition_count=core.partition_count,
        limits=node_pb2.Limits(
            max_key_bytes=core.limits.max_key_bytes,
            max_value_bytes=core.limits.max_value_bytes,
            max_siblings=core.limits.max_siblings,
            max_message_bytes=core.limits.max_message_bytes,
        ),
        request_timeout_ms=round(core.request_timeout * 1000),
        detection_deadline_ms=deadlines.detection_ms,
        convergence_deadline_ms=deadlines.convergence_ms,
        tombstone_lifetime_ms=round(core.tombstone_lifetime * 1000),
        max_in_flight=core.max_in_flight,
    )
