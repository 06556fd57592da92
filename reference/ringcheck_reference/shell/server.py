"""The gRPC server: the contract's services, health and reflection, and what becomes of a handler's mistakes."""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]

from dynamo_node.v1 import (
    inspect_pb2,
    inspect_pb2_grpc,
    key_value_pb2,
    key_value_pb2_grpc,
    node_pb2,
    node_pb2_grpc,
    peer_pb2,
    ring_pb2,
    ring_pb2_grpc,
)
from ringcheck_reference.shell import channels

_MISTAKE: Final = "This node has made a mistake, which its log describes; whether the call took effect is unknown."
# For what is neither a client's call nor a peer's stream, such as watches of health.
_STOP_GRACE_S: Final = 0.3

log = logging.getLogger(__name__)


class Server:
    """One node's server: NOT_SERVING until `set_serving`."""

    def __init__(
        self,
        max_message_bytes: int,
        *,
        key_value: key_value_pb2_grpc.KeyValueServicer,
        node: node_pb2_grpc.NodeServicer,
        ring: ring_pb2_grpc.RingServicer,
        inspection: inspect_pb2_grpc.InspectServicer,
        peer: grpc.GenericRpcHandler,
    ) -> None:
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            options=channels.listening(max_message_bytes), interceptors=[MistakesAreInternal()]
        )
        key_value_pb2_grpc.add_KeyValueServicer_to_server(key_value, self._server)
        node_pb2_grpc.add_NodeServicer_to_server(node, self._server)
        ring_pb2_grpc.add_RingServicer_to_server(ring, self._server)
        inspect_pb2_grpc.add_InspectServicer_to_server(inspection, self._server)
        self._server.add_generic_rpc_handlers([peer])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        files = (key_value_pb2, node_pb2, ring_pb2, inspect_pb2, peer_pb2, health_pb2)
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


class MistakesAreInternal(grpc.aio.ServerInterceptor):
    """A handler that raises is logged and answered INTERNAL, which promises nothing about effects."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap unary calls and asynchronous generators; the rest passes as it is."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        if handler.unary_unary is not None:
            return handler._replace(unary_unary=_guarded_unary(handler.unary_unary))
        if inspect.isasyncgenfunction(handler.unary_stream):
            return handler._replace(unary_stream=_guarded_stream(handler.unary_stream))
        return handler


def _guarded_unary(behaviour: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            return await behaviour(request, context)
        except (grpc.aio.AbortError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("a call failed")
            await context.abort(grpc.StatusCode.INTERNAL, _MISTAKE)

    return guarded


def _guarded_stream(behaviour: Callable[..., AsyncIterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
    async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        try:
            async for message in behaviour(request, context):
                yield message
        except (grpc.aio.AbortError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("a call failed")
            await context.abort(grpc.StatusCode.INTERNAL, _MISTAKE)

    return guarded
