import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
import pytest

from dynamo_node.v1 import key_value_pb2, key_value_pb2_grpc
from ringcheck.client import Client, Failure, Reply
from ringcheck.history import Description
from ringcheck_chaos.ports import lease

DESCRIPTION = Description(
    node_id="n1",
    implementation="test",
    version="1",
    profiles=("kv", "describe"),
    n=1,
    r=1,
    w=1,
    partition_count=1,
    max_key_bytes=100,
    max_value_bytes=100,
    max_siblings=10,
    max_message_bytes=10_000,
    request_timeout_ms=1_000,
    detection_deadline_ms=100,
    convergence_deadline_ms=100,
)
DEFINITE = {"INVALID_ARGUMENT", "FAILED_PRECONDITION", "NOT_FOUND", "UNIMPLEMENTED", "PERMISSION_DENIED"}
ERRORS = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]


T = TypeVar("T")


class Store(key_value_pb2_grpc.KeyValueServicer):
    """Answers as it is told to, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.code: grpc.StatusCode | None = None
        self.values = [b"v"]
        self.silent = False

    async def _answer(self, request: Any, context: Any, response: Any) -> Any:
        self.asked.append(request)
        if self.silent:
            await asyncio.sleep(30)
        if self.code:
            await context.abort(self.code, "as told")
        return response

    async def Get(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Return the values it was given."""
        return await self._answer(request, context, key_value_pb2.GetResponse(values=self.values, context=b"c"))

    async def Put(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Return a context."""
        return await self._answer(request, context, key_value_pb2.PutResponse(context=b"p"))

    async def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Return nothing."""
        return await self._answer(request, context, key_value_pb2.DeleteResponse())


def converse(conversation: Callable[[Client, Store], Awaitable[T]]) -> T:
    """Run `await conversation(client, store)` against a store on this machine."""

    async def run() -> T:
        store, server = Store(), grpc.aio.server()
        key_value_pb2_grpc.add_KeyValueServicer_to_server(store, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        client = Client(f"127.0.0.1:{port}", DESCRIPTION)
        try:
            return await asyncio.wait_for(conversation(client, store), 20)
        finally:
            await client.close()
            await server.stop(None)

    return asyncio.run(run())


def test_answers_carry_values_and_contexts() -> None:
    """OK is a Reply with what the operation returns."""

    async def conversation(client: Client, store: Store) -> Any:
        return [
            await client.get(b"k", 1),
            await client.put(b"k", b"v", b"c", 1),
            await client.delete(b"k", b"c"),
        ], store

    answers, store = converse(conversation)
    assert answers == [Reply((b"v",), b"c"), Reply((), b"p"), Reply()]
    assert [type(request).__name__ for request in store.asked] == ["GetRequest", "PutRequest", "DeleteRequest"]
    assert (store.asked[1].context, store.asked[1].w) == (b"c", 1)


def test_only_the_codes_of_the_contract_are_definite() -> None:
    """Five codes mean that a write never takes effect; after any other it may; and nothing is sent twice."""

    async def conversation(client: Client, store: Store) -> Any:
        answers = {}
        for code in ERRORS:
            store.code = code
            answers[code.name] = await client.put(b"k", b"v")
        return answers, len(store.asked)

    answers, asked = converse(conversation)
    assert {code for code, answer in answers.items() if answer.definite} == DEFINITE
    assert all(answer == Failure(code, "as told", code in DEFINITE) for code, answer in answers.items())
    assert asked == len(ERRORS)


def test_silence_ends_a_little_after_the_request_time_out() -> None:
    """A node that never answers is given up after one and a half times its own time-out, indefinitely."""

    async def conversation(client: Client, store: Store) -> Any:
        store.silent = True
        began = time.monotonic()
        return await client.put(b"k", b"v"), time.monotonic() - began, len(store.asked)

    answer, seconds, asked = converse(conversation)
    assert (answer.code, answer.definite, asked) == ("DEADLINE_EXCEEDED", False, 1)
    assert 0.29 < seconds < 5


def test_reply_beyond_the_declared_message_limit_is_no_answer() -> None:
    """A reply that is too big is refused here, after the effect: that is not definite."""

    async def conversation(client: Client, store: Store) -> Any:
        store.values = [b"x" * 20_000]
        return await client.get(b"k")

    answer = converse(conversation)
    assert (answer.code, answer.definite) == ("RESOURCE_EXHAUSTED", False)


def test_refused_connection_is_indefinite() -> None:
    """Nobody listens: the client cannot know what a proxy in between has done."""

    async def conversation() -> Any:
        with lease(1) as ports:
            client = Client(f"127.0.0.1:{ports.ports[0]}", DESCRIPTION)
            try:
                return await client.put(b"k", b"v"), await client.connect(0.05)
            finally:
                await client.close()

    answer, connected = asyncio.run(conversation())
    assert (answer.code, answer.definite, connected) == ("UNAVAILABLE", False, False)


def test_connect_waits_until_the_node_is_there() -> None:
    """The channel is connected as soon as the node answers."""

    async def conversation(client: Client, store: Store) -> Any:
        return await client.connect(10)

    assert converse(conversation)


@pytest.mark.parametrize("operation", ["get", "delete"])
def test_failures_of_every_operation_are_told_alike(operation: str) -> None:
    """A Get and a Delete tell definite from indefinite as a Put does."""

    async def conversation(client: Client, store: Store) -> Any:
        store.code = grpc.StatusCode.INVALID_ARGUMENT
        return await (client.get(b"k") if operation == "get" else client.delete(b"k", b""))

    assert converse(conversation) == Failure("INVALID_ARGUMENT", "as told", definite=True)
