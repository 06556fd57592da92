"""The Inspect service: a look inside one node, which changes nothing."""

# ruff: noqa: N802, ARG002  (names and arguments are those of the generated base classes)

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import fields
from typing import Any, Final

import grpc
import grpc.aio

from dynamo_node.v1 import inspect_pb2, inspect_pb2_grpc
from ringcheck_reference.core.views import Entry
from ringcheck_reference.shell.runner import Runner

# Far below any message limit, and large enough that few messages are needed.
_PIECE_BYTES: Final = 256 << 10
_POLL_S: Final = 0.02


class InspectService(inspect_pb2_grpc.InspectServicer):
    """Profile `inspect`. Each partition of a scan is read from the core at once: that makes it a snapshot."""

    def __init__(self, runner: Runner, node_id: str, incarnation: str) -> None:
        self._runner = runner
        self._node_id = node_id
        self._incarnation = incarnation

    async def Status(
        self,
        request: inspect_pb2.StatusRequest,
        context: grpc.aio.ServicerContext[inspect_pb2.StatusRequest, inspect_pb2.StatusResponse],
    ) -> inspect_pb2.StatusResponse:
        """See inspect.proto."""
        status = self._runner.core.status()
        ring = self._runner.core.ring()
        membership = self._runner.core.membership()
        response = inspect_pb2.StatusResponse(
            node_id=self._node_id,
            incarnation=self._incarnation,
            view_digest=ring.digest,
            members=sorted(member.id for member in ring.members),
            unconfirmed_partitions=membership.unconfirmed,
            draining=membership.draining,
        )
        for field in fields(status):
            tally = getattr(status, field.name)
            getattr(response, field.name).MergeFrom(inspect_pb2.Tally(count=tally.count, bytes=tally.bytes))
        return response

    async def MerkleRoots(
        self,
        request: inspect_pb2.MerkleRootsRequest,
        context: grpc.aio.ServicerContext[inspect_pb2.MerkleRootsRequest, inspect_pb2.MerkleRootsResponse],
    ) -> inspect_pb2.MerkleRootsResponse:
        """See inspect.proto."""
        await self._until_recovered()
        return inspect_pb2.MerkleRootsResponse(
            roots=[
                inspect_pb2.PartitionRoot(partition=partition, root=root)
                for partition, root in self._runner.core.roots()
            ]
        )

    async def MerkleNodes(
        self,
        request: inspect_pb2.MerkleNodesRequest,
        context: grpc.aio.ServicerContext[inspect_pb2.MerkleNodesRequest, inspect_pb2.MerkleNodesResponse],
    ) -> inspect_pb2.MerkleNodesResponse:
        """See inspect.proto."""
        await self._until_recovered()
        try:
            hashes = self._runner.core.tree_nodes(request.partition, request.level, tuple(request.indexes))
        except ValueError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return inspect_pb2.MerkleNodesResponse(hashes=hashes)

    async def ScanReplica(
        self,
        request: inspect_pb2.ScanReplicaRequest,
        context: grpc.aio.ServicerContext[inspect_pb2.ScanReplicaRequest, inspect_pb2.ScanReplicaResponse],
    ) -> AsyncIterator[inspect_pb2.ScanReplicaResponse]:
        """See inspect.proto."""
        await self._until_recovered()
        core = self._runner.core
        for partition in request.partitions or [partition for partition, _ in core.roots()]:
            try:
                scan = core.scan(partition)
            except ValueError as error:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            for entries in _pieces(map(_to_wire, scan.entries)):
                yield inspect_pb2.ScanReplicaResponse(partition=partition, root=scan.root, entries=entries)

    async def ListHints(
        self,
        request: inspect_pb2.ListHintsRequest,
        context: grpc.aio.ServicerContext[inspect_pb2.ListHintsRequest, inspect_pb2.ListHintsResponse],
    ) -> AsyncIterator[inspect_pb2.ListHintsResponse]:
        """See inspect.proto."""
        hints = (inspect_pb2.Hint(target=hint.target, entry=_to_wire(hint.entry)) for hint in self._runner.core.hints())
        for piece in _pieces(hints):
            yield inspect_pb2.ListHintsResponse(hints=piece)
            await asyncio.sleep(0)  # others have their turn, however quick the caller is

    async def _until_recovered(self) -> None:
        """Whoever asks for trees and scans soon after a start waits for them, and holds nobody else up."""
        while not self._runner.core.is_recovered:  # noqa: ASYNC110 - the core tells nobody
            await asyncio.sleep(_POLL_S)


def _to_wire(entry: Entry) -> inspect_pb2.ReplicaEntry:
    return inspect_pb2.ReplicaEntry(key=entry.key, values=entry.values, state=entry.state)


def _pieces(messages: Iterable[Any]) -> Iterator[list[Any]]:
    """Lists of messages of some 256 KiB each; one empty list if there are no messages."""
    piece: list[Any] = []
    size = 0
    for message in messages:
        if piece and size + message.ByteSize() > _PIECE_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(message)
        size += message.ByteSize()
    yield piece
