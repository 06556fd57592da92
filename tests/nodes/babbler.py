"""A foreign node that declares `peer` and lies to its peers: it greets them well, stores nothing, and says it has.

Among its own kind it is `foreign.py`, which talks in another way; together with anybody else's nodes it loses what they
give it, and refuses to compare.
"""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from typing import Any

import foreign  # type: ignore[import-not-found]  # found beside this script, whatever the working folder
import grpc

from dynamo_node.v1 import peer_pb2

NAME = "babbles"


class Both(grpc.GenericRpcHandler):
    """Two services in the place of one."""

    def __init__(self, *handlers: grpc.GenericRpcHandler) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Whichever of them knows the method."""
        found = (handler.service(handler_call_details) for handler in self._handlers)
        return next(filter(None, found), None)


class Babbler(foreign.Node):  # type: ignore[misc]  # see above
    """Tells its peers what they like to hear."""

    def handlers(self) -> grpc.GenericRpcHandler:
        """The private service, and Peer."""
        exchange = grpc.stream_stream_rpc_method_handler(
            self.exchange,
            request_deserializer=peer_pb2.ExchangeRequest.FromString,
            response_serializer=peer_pb2.ExchangeResponse.SerializeToString,
        )
        peer = grpc.method_handlers_generic_handler("dynamo_node.v1.Peer", {"Exchange": exchange})
        return Both(super().handlers(), peer)

    async def exchange(
        self, requests: AsyncIterator[peer_pb2.ExchangeRequest], context: Any
    ) -> AsyncIterator[peer_pb2.ExchangeResponse]:
        """Answer everything, and do nothing of it."""
        incarnation = secrets.token_hex(8)
        async for request in requests:
            answer = peer_pb2.ExchangeResponse(request_id=request.request_id)
            match request.WhichOneof("body"):
                case "hello":
                    answer.hello.node_id, answer.hello.incarnation = self.description.node_id, incarnation
                    answer.hello.protocol = 1
                case "ping":
                    answer.pong.incarnation = incarnation
                case "replicate":
                    answer.stored.changed = True
                case "read":
                    answer.found.SetInParent()
                case "forward":
                    answer.outcome.code = 0
                case _:
                    answer.refusal.code = grpc.StatusCode.UNIMPLEMENTED.value[0]
            if request.request_id:
                yield answer


if __name__ == "__main__":
    foreign.LIES[NAME] = Babbler
    sys.argv[1:1] = ["--lie", NAME, "--declare", "peer"]
    asyncio.run(foreign.main())
