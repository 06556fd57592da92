"""A look into a node is of one view, although it takes several calls."""

import asyncio
from typing import Any, cast

import grpc
import pytest

from dynamo_node.v1 import config_pb2, inspect_pb2, inspect_pb2_grpc, ring_pb2, ring_pb2_grpc
from ringcheck.codec import Codec
from ringcheck.history import Description, NodeSeen
from ringcheck.node import Node
from ringcheck.observe import look
from ringcheck.schedule import Put, Schedule

OLD, NEW = ("n1", "n2"), ("n1", "n2", "n3")


class Shown(ring_pb2_grpc.RingServicer, inspect_pb2_grpc.InspectServicer):
    """A node whose members change with its calls: each call takes the next of `views`, the last one for ever."""

    id = "n1"
    channel: grpc.aio.Channel

    def __init__(self, *views: tuple[str, ...], profiles: tuple[str, ...] = ("ring", "inspect")) -> None:
        self.description = Description(
            node_id="n1",
            implementation="shown",
            version="1",
            profiles=profiles,
            n=1,
            r=1,
            w=1,
            partition_count=1,
            max_key_bytes=100,
            max_value_bytes=100,
            max_siblings=10,
            max_message_bytes=1_000,
            request_timeout_ms=1,
            detection_deadline_ms=1,
            convergence_deadline_ms=1,
        )
        self._views = list(views)

    def view(self) -> tuple[str, ...]:
        """The members at this call."""
        return self._views.pop(0) if len(self._views) > 1 else self._views[0]

    async def GetRing(self, *_: Any) -> ring_pb2.GetRingResponse:  # noqa: N802 - as the contract has it
        """See Ring."""
        members = self.view()
        return ring_pb2.GetRingResponse(
            members=[config_pb2.Member(node_id=name, weight=len(members)) for name in members],
            view_digest=repr(members).encode(),
            partitions=[ring_pb2.PartitionOwners(partition=0, owners=members[-1:])],
        )

    async def GetPreferenceList(self, *_: Any) -> ring_pb2.GetPreferenceListResponse:  # noqa: N802
        """See Ring."""
        return ring_pb2.GetPreferenceListResponse(node_ids=self.view())

    async def Status(self, *_: Any) -> inspect_pb2.StatusResponse:  # noqa: N802
        """See Inspect."""
        members = self.view()
        return inspect_pb2.StatusResponse(members=members, view_digest=b"status", unconfirmed_partitions=[len(members)])

    async def MerkleRoots(self, *_: Any) -> inspect_pb2.MerkleRootsResponse:  # noqa: N802
        """See Inspect."""
        return inspect_pb2.MerkleRootsResponse()

    async def MerkleNodes(self, *_: Any) -> inspect_pb2.MerkleNodesResponse:  # noqa: N802
        """See Inspect."""
        return inspect_pb2.MerkleNodesResponse()

    async def ScanReplica(self, *_: Any) -> Any:  # noqa: N802
        """See Inspect."""
        if self is None:
            yield

    async def ListHints(self, *_: Any) -> Any:  # noqa: N802
        """See Inspect."""
        if self is None:
            yield


def seen_of(shown: Shown) -> NodeSeen:
    """One look into a node, by real calls."""

    async def main() -> NodeSeen:
        server = grpc.aio.server()
        ring_pb2_grpc.add_RingServicer_to_server(shown, server)
        inspect_pb2_grpc.add_InspectServicer_to_server(shown, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                shown.channel = channel
                schedule = Schedule(name="s", namespace="s", steps=(Put(id=1, node="n1", key="k", value="v"),))
                found = await look([cast("Node", shown)], Codec(schedule, shown.description), ["k"], lists=True)
        finally:
            await server.stop(None)
        assert found.missed == {}
        return found.nodes["n1"]

    return asyncio.run(main())


CALLS = 4
"""Status, GetRing, GetPreferenceList, GetRing."""


@pytest.mark.parametrize("changes_before", range(CALLS + 1))
def test_a_view_that_changes_once_is_seen_whole(changes_before: int) -> None:
    """Wherever it changes: members, weights, owners and lists are all of the old view or all of the new one."""
    seen = seen_of(Shown(*[OLD] * changes_before, NEW))
    members = OLD if changes_before == CALLS else NEW
    assert seen.members == members
    assert seen.weights == dict.fromkeys(members, len(members))
    assert seen.owners == {0: members[-1:]}
    assert seen.preference_lists == {"k": members}
    assert seen.unconfirmed_partitions == (len(members),)
    assert seen.view_digest == repr(members).encode().hex()


def test_of_a_view_that_goes_on_changing_no_lists_are_told() -> None:
    """What is of one call is told all the same."""
    seen = seen_of(Shown(*[OLD, NEW] * 20))
    assert seen.preference_lists == {}
    assert seen.weights == dict.fromkeys(seen.members, len(seen.members))


def test_a_node_without_inspect_shows_its_ring() -> None:
    """Then the ring alone tells who is a member."""
    seen = seen_of(Shown(OLD, OLD, NEW, profiles=("ring",)))
    assert (seen.members, seen.preference_lists) == (NEW, {"k": NEW})
