"""Links between real gRPC servers, through both kinds of Toxiproxy server."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from ringcheck_chaos.faults import CLIENT, Cut, Isolate, LinkFault, NetworkFault, Split
from ringcheck_chaos.links import Links
from ringcheck_chaos.ports import lease
from ringcheck_chaos.toxiproxy import ToxiproxyError

if TYPE_CHECKING:
    from tests.chaos.conftest import Api, Upstream

NODES = ("n1", "n2", "n3")
METHOD = "/echo/echo"
OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 100),
]


class Cluster:
    """Three echo servers, links between them, and calls from anyone to anyone."""

    def __init__(self, links: Links, stack: contextlib.AsyncExitStack) -> None:
        self.links = links
        self.servers: dict[str, grpc.aio.Server] = {}
        self.executed: list[tuple[str, bytes]] = []
        self._stack = stack
        self._channels: dict[tuple[str, str], grpc.aio.Channel] = {}

    async def echo(
        self, source: str, target: str, word: bytes = b"word", timeout: float = 5.0
    ) -> bytes | grpc.StatusCode:
        """Call `target` as `source` would, over a channel that stays open; returns the answer or the status code."""
        if (source, target) not in self._channels:
            channel = grpc.aio.insecure_channel(self.links.address(source, target), OPTIONS)
            self._channels[source, target] = await self._stack.enter_async_context(channel)
        try:
            call: Any = self._channels[source, target].unary_unary(METHOD)
            return bytes(await call(word, timeout=timeout))
        except grpc.aio.AioRpcError as error:
            return error.code()


async def serve(node: str, executed: list[tuple[str, bytes]]) -> tuple[grpc.aio.Server, int]:
    """A started server that notes what it executes, and its port."""

    async def echo(request: bytes, context: object) -> bytes:
        executed.append((node, request))
        return request

    server = grpc.aio.server()
    handlers: dict[str, Any] = {"echo": grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port


@contextlib.asynccontextmanager
async def cluster(url: str) -> AsyncIterator[Cluster]:
    """A cluster whose links are on the server at `url`."""
    executed: list[tuple[str, bytes]] = []
    async with contextlib.AsyncExitStack() as stack:
        leased = stack.enter_context(lease(Links.ports_needed(len(NODES))))
        servers, upstreams = {}, {}
        for node in NODES:
            servers[node], port = await serve(node, executed)
            stack.push_async_callback(servers[node].stop, 0)
            upstreams[node] = f"127.0.0.1:{port}"
        links = await stack.enter_async_context(await Links.create(url, upstreams, leased.ports))
        made = Cluster(links, stack)
        made.servers, made.executed = servers, executed
        yield made


def within_cluster(url: str, scenario: Callable[[Cluster], Awaitable[None]]) -> None:
    """Run a scenario in a cluster of its own."""

    async def run() -> None:
        async with cluster(url) as made:
            await scenario(made)

    asyncio.run(run())


def test_links_carry_calls(server_url: str) -> None:
    """Without faults everyone reaches every other node through its own link."""

    async def scenario(made: Cluster) -> None:
        for source in (CLIENT, *NODES):
            for target in NODES:
                if source != target:
                    assert await made.echo(source, target) == b"word"

    within_cluster(server_url, scenario)


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ("down", grpc.StatusCode.UNAVAILABLE),
        ("stall", grpc.StatusCode.DEADLINE_EXCEEDED),
        ("drop", grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
)
def test_isolation_bites_and_heals(server_url: str, how: Cut, status: grpc.StatusCode) -> None:
    """An isolated node is reached by clients alone, the proof says so, and healing is proved as well."""

    async def scenario(made: Cluster) -> None:
        assert await made.echo("n1", "n2") == b"word"
        proof = await made.links.inject(1, Isolate(how, "n1"))
        assert proof.bit, proof.detail
        assert proof.began < proof.ended < time.monotonic()
        assert await made.echo("n1", "n2", timeout=0.2) == status
        assert await made.echo("n3", "n1", timeout=0.2) == status
        assert await made.echo(CLIENT, "n1") == b"word"
        assert await made.echo("n2", "n3") == b"word"
        healed = await made.links.heal(1)
        assert healed.bit, healed.detail
        assert "4 links answered" in healed.detail
        deadline = time.monotonic() + 5
        while await made.echo("n3", "n1", timeout=0.5) != b"word":
            assert time.monotonic() < deadline

    within_cluster(server_url, scenario)


def test_stalled_request_is_executed_after_healing(server_url: str) -> None:
    """A stall keeps the connection and its bytes: a request whose deadline is far is answered after healing."""

    async def scenario(made: Cluster) -> None:
        assert await made.echo(CLIENT, "n1") == b"word"
        assert (await made.links.inject(1, LinkFault("stall", CLIENT, "n1"))).bit
        pending = asyncio.create_task(made.echo(CLIENT, "n1", b"late"))
        await asyncio.wait([pending], timeout=0.1)
        assert ("n1", b"late") not in made.executed
        await made.links.heal(1)
        assert await pending == b"late"

    within_cluster(server_url, scenario)


def test_one_way_cut_of_answers(server_url: str) -> None:
    """With only the answers cut, a request is executed though its caller hears nothing."""

    async def scenario(made: Cluster) -> None:
        assert await made.echo(CLIENT, "n1") == b"word"
        assert (await made.links.inject(1, LinkFault("stall", "n1", CLIENT, one_way=True))).bit
        assert await made.echo(CLIENT, "n1", b"heard", timeout=0.3) == grpc.StatusCode.DEADLINE_EXCEEDED
        assert ("n1", b"heard") in made.executed
        assert (await made.links.heal(1)).bit

    within_cluster(server_url, scenario)


def test_one_way_cut_of_requests(server_url: str) -> None:
    """With only the requests dropped, nothing is executed."""

    async def scenario(made: Cluster) -> None:
        assert await made.echo("n1", "n2") == b"word"
        assert (await made.links.inject(1, LinkFault("drop", "n1", "n2", one_way=True))).bit
        assert await made.echo("n1", "n2", b"lost", timeout=0.3) == grpc.StatusCode.DEADLINE_EXCEEDED
        assert (await made.links.heal(1)).bit
        assert await made.echo("n1", "n3") == b"word"
        assert ("n2", b"lost") not in made.executed

    within_cluster(server_url, scenario)


def test_latency_is_proved_by_time(server_url: str) -> None:
    """Latency adds up over directions and faults, and goes with each fault that is healed."""

    async def scenario(made: Cluster) -> None:
        one = await made.links.inject(1, LinkFault("latency", "n1", "n2", latency_ms=20))
        two = await made.links.inject(2, LinkFault("latency", "n1", "n2", one_way=True, latency_ms=30))
        assert one.bit
        assert "no sooner than 40 ms" in one.detail
        assert two.bit
        assert "no sooner than 70 ms" in two.detail
        began = time.monotonic()
        assert await made.echo("n2", "n1") == b"word"
        assert time.monotonic() - began >= 0.069
        rest = await made.links.heal(1)
        assert rest.bit
        assert "no sooner than 30 ms" in rest.detail

    within_cluster(server_url, scenario)


def test_overlapping_faults_each_hold_their_links(server_url: str) -> None:
    """A link stays cut until the last of the faults that cut it is healed, whatever their kinds and order."""

    async def scenario(made: Cluster) -> None:
        links = made.links
        overlapping: list[NetworkFault] = [
            Isolate("stall", "n1"),
            LinkFault("latency", "n1", "n2", latency_ms=10),
            Split("drop", ("n1", "n2"), ("n3",)),
            LinkFault("down", "n1", "n3"),
            LinkFault("down", "n3", "n1"),
        ]
        for number, fault in enumerate(overlapping):
            assert await made.echo(CLIENT, "n1") == b"word"
            assert (await links.inject(number, fault)).bit
        assert links.active == dict(enumerate(overlapping))
        assert (await links.heal(3)).bit
        assert await made.echo("n1", "n3", timeout=0.2) == grpc.StatusCode.UNAVAILABLE
        assert (await links.heal(4)).bit
        assert await made.echo("n1", "n3", timeout=0.2) != b"word"
        assert (await links.heal(0)).bit
        assert await made.echo("n1", "n2") == b"word"
        proof = await links.heal(2)
        assert proof.bit, proof.detail
        assert (await links.reset()).bit
        assert links.active == {}

    within_cluster(server_url, scenario)


def test_node_that_does_not_run(server_url: str) -> None:
    """Links to a node that is gone are proved by the server's word, told by the caller or found out by the probe."""

    async def scenario(made: Cluster) -> None:
        assert await made.echo("n2", "n1") == b"word"
        await made.servers["n1"].stop(0)
        told = await made.links.inject(1, Isolate("stall", "n1"), running=lambda node: node != "n1")
        found = await made.links.heal(1)
        for proof in (told, found):
            assert proof.bit, proof.detail
            assert "2 links by the proxy server's word, since n1 does not run" in proof.detail

    within_cluster(server_url, scenario)


def test_healing_after_a_node_ended_is_quick(server_url: str) -> None:
    """Bytes that wait for a process which has ended do not hold up the healing, once its end was told."""

    async def scenario(made: Cluster) -> None:
        assert await made.echo("n2", "n1") == b"word"
        assert (await made.links.inject(1, Isolate("stall", "n1"))).bit
        for _ in range(5):
            assert await made.echo("n2", "n1", timeout=0.05) == grpc.StatusCode.DEADLINE_EXCEEDED
        await made.servers["n1"].stop(0)
        made.links.node_ended("n1")
        proof = await made.links.heal(1)
        assert proof.bit, proof.detail
        assert proof.ended - proof.began < 2.0

    within_cluster(server_url, scenario)


def test_links_that_are_closed_leave_no_proxies(server_url: str, api: "Api") -> None:
    """Two clusters share a server, and each takes its own proxies away."""

    async def run() -> None:
        async with cluster(server_url) as one:
            async with cluster(server_url):
                assert len(api("GET", "/proxies").json()) == 18
            assert await one.echo("n1", "n2") == b"word"

    asyncio.run(run())
    assert api("GET", "/proxies").json() == {}


def test_senseless_requests_are_refused(server_url: str) -> None:
    """An id in use, a fault that touches no link and an unknown id change nothing and say why."""

    async def scenario(made: Cluster) -> None:
        await made.links.inject(1, LinkFault("latency", "n1", "n2", latency_ms=5))
        with pytest.raises(ValueError, match="Fault 1 is injected already: link n1 ↔ n2 slow"):
            await made.links.inject(1, Isolate("stall", "n1"))
        with pytest.raises(ValueError, match="No link can suffer: link n1 ↔ n9 stalled; nodes are n1, n2, n3"):
            await made.links.inject(2, LinkFault("stall", "n1", "n9"))
        with pytest.raises(KeyError):
            await made.links.heal(2)
        assert list(made.links.active) == [1]

    within_cluster(server_url, scenario)


def test_taken_port_is_told(server_url: str, upstream: "Upstream", api: "Api") -> None:
    """Links that cannot listen raise, and leave no proxy behind."""

    async def run() -> None:
        port = int(upstream.address.rpartition(":")[2])
        with pytest.raises(ToxiproxyError, match="address already in use"):
            await Links.create(server_url, {"n1": "127.0.0.1:1"}, [port])

    asyncio.run(run())
    assert api("GET", "/proxies").json() == {}
