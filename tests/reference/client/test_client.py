"""A client that knows the ring: at real nodes, and at some that behave badly on purpose."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest

from dynamo_node.v1 import (
    config_pb2,
    inspect_pb2,
    key_value_pb2,
    key_value_pb2_grpc,
    membership_pb2,
    ring_pb2,
    ring_pb2_grpc,
)
from ringcheck_chaos import ports
from ringcheck_reference.client import Client, IndefiniteError, RefusedError, UnreachableError
from ringcheck_reference.client import client as client_module

DEADLINE_S = 30.0
KEYS = [b"key %d" % number for number in range(60)]


async def until(condition: Callable[[], Awaitable[bool]] | Callable[[], bool]) -> None:
    """Return once it holds."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            holds = condition()
            if await holds if isinstance(holds, Awaitable) else holds:
                return
            await asyncio.sleep(0.01)


# At real nodes.


def addresses(nodes: list[Any]) -> dict[str, str]:
    """Where they listen."""
    return {node.node_id: node.config["listenAddress"] for node in nodes}


def forwarded(nodes: list[Any]) -> int:
    """How many requests were handed on."""
    statuses = [node.inspect.Status(inspect_pb2.StatusRequest(), timeout=DEADLINE_S) for node in nodes]
    return sum(status.forwarded_requests.count for status in statuses)


def test_it_asks_the_coordinator_itself(start_nodes: Any) -> None:
    """Nothing is forwarded, but of a client that asks one node alone, whatever that is no home of."""
    nodes = start_nodes(5)
    elsewhere: list[bytes] = []

    async def use() -> None:
        async with Client(addresses(nodes), timeout_s=DEADLINE_S) as client:
            assert len(client.ring.members) == 5
            contexts = {key: await client.put(key, b"old") for key in KEYS}
            for key in KEYS:
                contexts[key] = await client.put(key, b"new", contexts[key])
            for key in KEYS:
                found = await client.get(key)
                assert found.values == (b"new",)
                assert found.context == contexts[key]
                await client.delete(key, found.context)
                assert (await client.get(key)).values == ()
            homes = nodes[0].config["n"]
            elsewhere.extend(key for key in KEYS if nodes[0].node_id not in client.ring.preference_list(key)[:homes])

    asyncio.run(use())
    assert forwarded(nodes) == 0
    for key in KEYS:
        nodes[0].key_value.Put(key_value_pb2.PutRequest(key=key, value=b"v"), timeout=DEADLINE_S)
    assert 0 < len(elsewhere) <= forwarded(nodes)


def test_while_nodes_are_down_the_next_ones_are_asked(start_nodes: Any) -> None:
    """Reads and writes go on, and go back to the coordinator once it is back."""
    nodes = start_nodes(5)

    async def use() -> None:
        async with Client(addresses(nodes), timeout_s=DEADLINE_S) as client:
            await client.put(b"key", b"v")
            first = client.ring.preference_list(b"key")[0]
            (down,) = (node for node in nodes if node.node_id == first)
            down.end(signal.SIGKILL)
            context = b""
            for number in range(20):
                # What is on its way to the dead node may be lost, here and at the next node, until both have noticed.
                try:
                    context = await client.put(b"key", b"%d" % number, (await client.get(b"key")).context)
                except IndefiniteError:
                    assert number < 3
            assert (await client.get(b"key")).values == (b"19",)
            down.start()
            down.wait_until_serving()

            async def is_asked_again() -> bool:
                nonlocal context
                context = await client.put(b"key", b"back", context)
                status = down.inspect.Status(inspect_pb2.StatusRequest(), timeout=DEADLINE_S)
                return bool(status.writes.count)

            await until(is_asked_again)

    asyncio.run(use())


def test_it_hears_of_members_that_come(start_nodes: Any) -> None:
    """By pulling the ring again and again."""
    nodes = start_nodes(3, joiners=1)

    async def use() -> None:
        async with Client(addresses(nodes), timeout_s=DEADLINE_S, refresh_s=0.05) as client:
            assert set(client.ring.members) == {"n1", "n2", "n3"}
            newcomer = config_pb2.Member(node_id="n4", weight=1)
            nodes[0].membership.Join(membership_pb2.JoinRequest(member=newcomer), timeout=DEADLINE_S)
            await until(lambda: "n4" in client.ring.members)
            assert any(owners[0] == "n4" for owners in client.ring.owners)
            for key in KEYS:
                await client.put(key, b"v")

    asyncio.run(use())


def test_what_a_node_refuses_is_not_asked_elsewhere() -> None:
    """It would be refused there too."""

    async def use() -> None:
        async with bad_nodes(2, grpc.StatusCode.INVALID_ARGUMENT) as bad:
            async with Client({node.id: node.address for node in bad}) as client:
                for request in (client.put(b"key", b"v"), client.get(b"key"), client.delete(b"key", b"")):
                    with pytest.raises(RefusedError, match=r"^n1 refuses \(INVALID_ARGUMENT\): as told$") as refused:
                        await request
                    assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT
        assert [(node.writes, node.reads) for node in bad] == [(2, 1), (0, 0)]

    asyncio.run(use())


# At bad ones.


class BadNode(key_value_pb2_grpc.KeyValueServicer, ring_pb2_grpc.RingServicer):
    """Ends every request with one code, the read and the write alike, and says that `owners` own everything."""

    def __init__(self, node_id: str, address: str, owners: list[str], code: grpc.StatusCode) -> None:
        self.id = node_id
        self.address = address
        self.code = code
        self.writes = self.reads = self.pulls = 0
        self.owners = owners

    async def Get(self, request: key_value_pb2.GetRequest, context: Any) -> key_value_pb2.GetResponse:  # noqa: N802
        """Read."""
        self.reads += 1
        await self._end(context)
        return key_value_pb2.GetResponse(values=[self.id.encode()])

    async def Put(self, request: key_value_pb2.PutRequest, context: Any) -> key_value_pb2.PutResponse:  # noqa: N802
        """Write."""
        self.writes += 1
        await self._end(context)
        return key_value_pb2.PutResponse(context=self.id.encode())

    async def Delete(  # noqa: N802
        self, request: key_value_pb2.DeleteRequest, context: Any
    ) -> key_value_pb2.DeleteResponse:
        """Write."""
        self.writes += 1
        await self._end(context)
        return key_value_pb2.DeleteResponse()

    async def GetRing(self, request: ring_pb2.GetRingRequest, context: Any) -> ring_pb2.GetRingResponse:  # noqa: N802
        """One partition."""
        self.pulls += 1
        return ring_pb2.GetRingResponse(
            members=[config_pb2.Member(node_id=node, weight=1) for node in self.owners],
            partitions=[ring_pb2.PartitionOwners(partition=0, owners=self.owners)],
        )

    async def GetPreferenceList(  # noqa: N802
        self, request: ring_pb2.GetPreferenceListRequest, context: Any
    ) -> ring_pb2.GetPreferenceListResponse:
        """The owners."""
        return ring_pb2.GetPreferenceListResponse(node_ids=self.owners)

    async def _end(self, context: Any) -> None:
        if self.code is not grpc.StatusCode.OK:
            await context.abort(self.code, "as told")


@asynccontextmanager
async def bad_nodes(count: int, *codes: grpc.StatusCode) -> AsyncIterator[list[BadNode]]:
    """So many nodes; those for which there is no code of their own have the last one."""
    with ports.lease(count) as lease:
        names = [f"n{number}" for number in range(1, count + 1)]
        servers, made = [], []
        for number, (name, port) in enumerate(zip(names, lease.ports, strict=True)):
            node = BadNode(name, f"{ports.HOST}:{port}", names, codes[min(number, len(codes) - 1)])
            server = grpc.aio.server()
            key_value_pb2_grpc.add_KeyValueServicer_to_server(node, server)
            ring_pb2_grpc.add_RingServicer_to_server(node, server)
            server.add_insecure_port(node.address)
            await server.start()
            servers.append(server)
            made.append(node)
        try:
            yield made
        finally:
            for server in servers:
                await server.stop(None)


OK = grpc.StatusCode.OK
INDEFINITE = [
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.ABORTED,
]


@pytest.mark.parametrize("code", INDEFINITE)
def test_a_write_that_was_sent_is_never_sent_again(code: grpc.StatusCode) -> None:
    """Not even where the next node would take it: one Put could become two versions. A read is asked again."""

    async def use() -> None:
        async with bad_nodes(3, code, OK) as bad:
            async with Client({node.id: node.address for node in bad}) as client:
                for request in (client.put(b"key", b"v"), client.delete(b"key", b"context")):
                    with pytest.raises(IndefiniteError) as failed:
                        await request
                    assert failed.value.code is code
                    assert sum(node.writes for node in bad) == bad[0].writes
                    bad[0].writes, sent = 0, bad[0].writes
                    assert sent == 1
                    client._routing.trust("n1")  # an answer "too late" is taken for silence, which has it come last
                assert (await client.get(b"key")).values == (b"n2",)
                assert [node.reads for node in bad] == [1, 1, 0]

    asyncio.run(use())


def test_a_node_that_cannot_be_connected_to_is_passed_over() -> None:
    """Nothing was sent to it, so the write goes to the next."""

    async def use() -> None:
        async with bad_nodes(2, OK) as bad:
            with ports.lease(1) as nobody:
                places = {"n1": f"{ports.HOST}:{nobody.ports[0]}", "n2": bad[1].address}
                async with Client(places) as client:
                    assert await client.put(b"key", b"v") == b"n2"
                    assert (await client.get(b"key")).values == (b"n2",)
            assert [(node.writes, node.reads) for node in bad] == [(0, 0), (1, 1)]

    asyncio.run(use())


def test_without_any_node_nothing_was_sent() -> None:
    """The error says so by its kind."""

    async def use() -> None:
        with ports.lease(2) as nobody:
            places = {f"n{number}": f"{ports.HOST}:{port}" for number, port in enumerate(nobody.ports, 1)}
            async with Client(places) as client:
                for request in (client.put(b"key", b"v"), client.get(b"key")):
                    with pytest.raises(UnreachableError, match=r"^None of n1, n2 can be connected to"):
                        await request

    asyncio.run(use())


def test_an_error_has_the_ring_pulled_at_once() -> None:
    """Without one the next pull is an hour away."""

    async def use() -> None:
        async with bad_nodes(2, grpc.StatusCode.UNAVAILABLE) as bad:
            async with Client({node.id: node.address for node in bad}, refresh_s=3600.0) as client:
                assert sum(node.pulls for node in bad) == 1
                for node in bad:
                    node.owners = ["n2", "n1"]
                with pytest.raises(IndefiniteError):
                    await client.put(b"key", b"v")
                await until(lambda: client.ring.preference_list(b"key") == ("n2", "n1"))

    asyncio.run(use())


def test_a_cluster_without_a_ring_is_used_all_the_same() -> None:
    """Nodes that do not declare `ring` are asked in turn."""

    async def use() -> None:
        async with bad_nodes(3, OK) as bad:
            for node in bad:
                node.owners = []
            async with Client({node.id: node.address for node in bad}) as client:
                assert {await client.put(b"key", b"v") for _ in range(3)} == {b"n1", b"n2", b"n3"}

    asyncio.run(use())


def test_a_client_of_no_nodes_makes_no_sense() -> None:
    """It says what to give it."""
    with pytest.raises(ValueError, match="give the address of one node at least"):
        Client({})


@asynccontextmanager
async def silent_nodes(count: int) -> AsyncIterator[dict[str, str]]:
    """Addresses where somebody takes connections and never says a word, by node id from s01 on."""
    async with AsyncExitStack() as stack:
        places = {}
        for number in range(1, count + 1):
            listening = stack.enter_context(socket.create_server((ports.HOST, 0)))
            places[f"s{number:02}"] = f"{ports.HOST}:{listening.getsockname()[1]}"
        yield places


def test_the_time_for_a_request_is_for_all_that_it_does() -> None:
    """However many nodes there are to which no connection comes about; and what was never sent is told as that."""

    async def use() -> None:
        async with silent_nodes(8) as places:
            client = Client(places, timeout_s=0.7)
            connecting = 0

            async def connect(node: Any, *within_s: float) -> bool:
                nonlocal connecting
                connecting += 1
                return await was(node, *within_s)

            was = client_module._Node.connect
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(client_module._Node, "connect", connect)
                for ask in (lambda: client.put(b"key", b"v"), lambda: client.get(b"key")):
                    connecting = 0
                    with pytest.raises(UnreachableError) as failed:
                        await ask()
                    assert 0 < connecting < len(places), "it has not tried them all, as there was no time"
                    in_vain, _, untried = str(failed.value).partition("; time was over before ")
                    assert in_vain.startswith("Within 0.7 s there was no connection to s0")
                    assert (in_vain.count("s0"), untried.count("s0")) == (connecting, len(places) - connecting)
            await client.close()

    asyncio.run(use())


def test_a_connection_that_comes_too_late_is_not_written_to() -> None:
    """A deadline that is over before the write is sent would make an unsent write one in doubt."""

    async def use() -> None:
        async with bad_nodes(1, OK) as bad:
            client = Client({"n1": bad[0].address}, timeout_s=0.2)

            async def connect(_node: Any, within_s: float = 0.2) -> bool:
                await asyncio.sleep(within_s)
                return True

            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(client_module._Node, "is_connected", False)
                patched.setattr(client_module._Node, "connect", connect)
                for ask in (lambda: client.put(b"key", b"v"), lambda: client.get(b"key")):
                    with pytest.raises(UnreachableError):
                        await ask()
            await client.close()
            assert (bad[0].writes, bad[0].reads) == (0, 0)

    asyncio.run(use())


def test_a_client_that_is_closed_says_so() -> None:
    """It is a mistake of its user and no trouble of the network."""

    async def use() -> None:
        async with bad_nodes(1, OK) as bad:
            async with Client({"n1": bad[0].address}) as client:
                await client.put(b"key", b"v")
            for ask in (lambda: client.put(b"key", b"v"), lambda: client.get(b"key"), client.refresh):
                with pytest.raises(RuntimeError, match="closed"):
                    await ask()

    asyncio.run(use())
