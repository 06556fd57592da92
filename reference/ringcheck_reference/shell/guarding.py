"""What becomes of a handler's mistakes: they are logged, and answered INTERNAL, which says nothing about effects."""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import grpc
import grpc.aio

from ringcheck_reference.shell.logs import event

_MISTAKE: Final = "This node has made a mistake, which its log describes; whether the call took effect is unknown."

log = logging.getLogger(__name__)


class GuardedServer:
    """Stands for a server while services are added to it; an interceptor would do as well, and slow every call down."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """See grpc.aio.Server."""
        self._server.add_generic_rpc_handlers([_GuardedHandler(handler) for handler in handlers])

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """See grpc.aio.Server."""
        guarded = {name: _guarded(handler) for name, handler in method_handlers.items()}
        self._server.add_registered_method_handlers(service_name, guarded)


class _GuardedHandler(grpc.GenericRpcHandler):
    """The methods of another handler, guarded."""

    def __init__(self, handler: grpc.GenericRpcHandler) -> None:
        self._handler = handler

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """See GenericRpcHandler."""
        method = self._handler.service(details)
        return None if method is None else _guarded(method)


def _guarded(handler: Any) -> Any:
    """Unary calls and asynchronous generators are guarded; the rest is as it is."""
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
            log.exception("a call failed", extra=event("mistake", where="a call"))
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
            log.exception("a call failed", extra=event("mistake", where="a call"))
            await context.abort(grpc.StatusCode.INTERNAL, _MISTAKE)

    return guarded
