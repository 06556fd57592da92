"""The services KeyValue, Node and Ring; Membership, Inspect and Peer have files of their own."""

# ruff: noqa: N802, ARG002  (names and arguments are those of the generated base classes)

import grpc
import grpc.aio

from dynamo_node.v1 import (
    config_pb2,
    key_value_pb2,
    key_value_pb2_grpc,
    node_pb2,
    node_pb2_grpc,
    ring_pb2,
    ring_pb2_grpc,
)
from ringcheck_reference.core.effects import DeleteResult, GetResult, PutResult
from ringcheck_reference.core.messages import ClientDelete, ClientGet, ClientPut
from ringcheck_reference.shell.config import Settings
from ringcheck_reference.shell.description import describe
from ringcheck_reference.shell.replies import unless_failed
from ringcheck_reference.shell.runner import Runner


class NodeService(node_pb2_grpc.NodeServicer):
    """Profile `describe`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def Describe(
        self,
        request: node_pb2.DescribeRequest,
        context: grpc.aio.ServicerContext[node_pb2.DescribeRequest, node_pb2.DescribeResponse],
    ) -> node_pb2.DescribeResponse:
        """See node.proto."""
        return describe(self._settings.core, self._settings.deadlines)


class KeyValueService(key_value_pb2_grpc.KeyValueServicer):
    """Profile `kv`: each call is a message to the core, and its reply the answer."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def Get(
        self,
        request: key_value_pb2.GetRequest,
        context: grpc.aio.ServicerContext[key_value_pb2.GetRequest, key_value_pb2.GetResponse],
    ) -> key_value_pb2.GetResponse:
        """See key_value.proto."""
        result = await self._runner.call(ClientGet(request.key, request.r))
        answered = await unless_failed(context, result, GetResult)
        return key_value_pb2.GetResponse(values=answered.values, context=answered.context)

    async def Put(
        self,
        request: key_value_pb2.PutRequest,
        context: grpc.aio.ServicerContext[key_value_pb2.PutRequest, key_value_pb2.PutResponse],
    ) -> key_value_pb2.PutResponse:
        """See key_value.proto."""
        put = ClientPut(request.key, request.value, request.context, request.w)
        acknowledged = await unless_failed(context, await self._runner.call(put), PutResult)
        return key_value_pb2.PutResponse(context=acknowledged.context)

    async def Delete(
        self,
        request: key_value_pb2.DeleteRequest,
        context: grpc.aio.ServicerContext[key_value_pb2.DeleteRequest, key_value_pb2.DeleteResponse],
    ) -> key_value_pb2.DeleteResponse:
        """See key_value.proto."""
        delete = ClientDelete(request.key, request.context, request.w)
        await unless_failed(context, await self._runner.call(delete), DeleteResult)
        return key_value_pb2.DeleteResponse()


class RingService(ring_pb2_grpc.RingServicer):
    """Profile `ring`."""

    def __init__(self, runner: Runner, max_key_bytes: int) -> None:
        self._runner = runner
        self._max_key_bytes = max_key_bytes

    async def GetRing(
        self,
        request: ring_pb2.GetRingRequest,
        context: grpc.aio.ServicerContext[ring_pb2.GetRingRequest, ring_pb2.GetRingResponse],
    ) -> ring_pb2.GetRingResponse:
        """See ring.proto."""
        ring = self._runner.core.ring()
        return ring_pb2.GetRingResponse(
            members=[
                config_pb2.Member(node_id=member.id, weight=member.weight, host=member.machine)
                for member in ring.members
            ],
            view_digest=ring.digest,
            partitions=[
                ring_pb2.PartitionOwners(partition=partition, owners=owners)
                for partition, owners in enumerate(ring.owners)
            ],
        )

    async def GetPreferenceList(
        self,
        request: ring_pb2.GetPreferenceListRequest,
        context: grpc.aio.ServicerContext[ring_pb2.GetPreferenceListRequest, ring_pb2.GetPreferenceListResponse],
    ) -> ring_pb2.GetPreferenceListResponse:
        """See ring.proto."""
        if not 1 <= len(request.key) <= self._max_key_bytes:
            message = f"The key has {len(request.key)} bytes; it must have 1 to {self._max_key_bytes}."
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
        partition, node_ids = self._runner.core.preference_list(request.key)
        return ring_pb2.GetPreferenceListResponse(partition=partition, node_ids=node_ids)
