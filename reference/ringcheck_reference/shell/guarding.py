"""What becomes of a handler's mistakes: they are logged, and answered INTERNAL, which says nothing about effects.

Bytes that are no request are the caller's mistake, and INVALID_ARGUMENT; gRPC itself would log a traceback for each.
"""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from ringcheck_reference.core.messages import MISTAKE
from ringcheck_reference.shell.logs import event

_NO_REQUEST: Final = "These bytes are no request of this call."

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
        self._methods: dict[str, Any] = {}
        """By name, those that were asked for: to guard one takes longer than to find it."""

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """See GenericRpcHandler."""
        if (found := self._methods.get(details.method)) is None and (method := self._handler.service(details)):
            found = self._methods[details.method] = _guarded(method)
        return found


def _guarded(handler: Any) -> Any:
    """Unary calls and asynchronous generators are guarded; the rest is as it is."""
    if handler.unary_unary is not None:
        handler = handler._replace(unary_unary=_guarded_unary(handler.unary_unary))
    elif inspect.isasyncgenfunction(handler.unary_stream):
        handler = handler._replace(unary_stream=_guarded_stream(handler.unary_stream))
    else:
        return handler
    return handler._replace(request_deserializer=_parse_or_none(handler.request_deserializer))


def _parse_or_none(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def parsed(data: bytes) -> Any:
        try:
            return parse(data)
        except DecodeError:
            return None

    return parsed


def _guarded_unary(behaviour: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        if request is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, _NO_REQUEST)
        try:
            return await behaviour(request, context)
        except (grpc.aio.AbortError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("a call failed", extra=event("mistake", where="a call"))
            await context.abort(grpc.StatusCode.INTERNAL, MISTAKE)

    return guarded


def _guarded_stream(behaviour: Callable[..., AsyncIterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
    async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        if request is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, _NO_REQUEST)
        try:
            async for message in behaviour(request, context):
                yield message
        except (grpc.aio.AbortError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("a call failed", extra=event("mistake", where="a call"))
            await context.abort(grpc.StatusCode.INTERNAL, MISTAKE)

    return guarded
