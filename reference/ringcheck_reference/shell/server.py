"""The gRPC server: the contract's services, health and reflection."""

from typing import Any, Final, cast

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]

from dynamo_node.v1 import (
    inspect_pb2,
    inspect_pb2_grpc,
    key_value_pb2,
    key_value_pb2_grpc,
    membership_pb2,
    membership_pb2_grpc,
    node_pb2,
    node_pb2_grpc,
    peer_pb2,
    ring_pb2,
    ring_pb2_grpc,
)
from ringcheck_reference.shell import channels
from ringcheck_reference.shell.guarding import GuardedServer

# For what is neither a client's call nor a peer's stream, such as watches of health.
_STOP_GRACE_S: Final = 0.3


class Server:
    """One node's server: NOT_SERVING until `set_serving`."""

    def __init__(
        self,
        max_message_bytes: int,
        *,
        key_value: key_value_pb2_grpc.KeyValueServicer,
        node: node_pb2_grpc.NodeServicer,
        ring: ring_pb2_grpc.RingServicer,
        membership: membership_pb2_grpc.MembershipServicer,
        inspection: inspect_pb2_grpc.InspectServicer,
        peer: grpc.GenericRpcHandler,
    ) -> None:
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(options=channels.listening(max_message_bytes))
        guarded = cast("grpc.aio.Server", GuardedServer(self._server))
        key_value_pb2_grpc.add_KeyValueServicer_to_server(key_value, guarded)
        node_pb2_grpc.add_NodeServicer_to_server(node, guarded)
        ring_pb2_grpc.add_RingServicer_to_server(ring, guarded)
        membership_pb2_grpc.add_MembershipServicer_to_server(membership, guarded)
        inspect_pb2_grpc.add_InspectServicer_to_server(inspection, guarded)
        self._server.add_generic_rpc_handlers([peer])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        files = (key_value_pb2, node_pb2, ring_pb2, membership_pb2, inspect_pb2, peer_pb2, health_pb2)
        names = [name for file in files for name in _service_names(file)]
        reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], self._server)

    async def start(self, address: str) -> None:
        """Listen; raises RuntimeError when `address` cannot be bound."""
        await self.set_serving(False)
        self._server.add_insecure_port(address)
        await self._server.start()

    async def set_serving(self, serving: bool) -> None:
        """What health says from now on."""
        states = health_pb2.HealthCheckResponse
        await self._health.set("", states.SERVING if serving else states.NOT_SERVING)

    async def stop(self) -> None:
        """Take no calls any more; those under way have a moment to finish."""
        await self._server.stop(_STOP_GRACE_S)


def _service_names(file: Any) -> list[str]:
    return [service.full_name for service in file.DESCRIPTOR.services_by_name.values()]
