"""When a probe proves what a link should be like."""

import asyncio
import contextlib
from typing import TYPE_CHECKING

import grpc
import pytest

from ringcheck_chaos.conditions import CLEAR, Condition, Flow
from ringcheck_chaos.faults import Direction
from ringcheck_chaos.probe import Answer, Kind, probe
from ringcheck_chaos.proof import Sight, judge, prove

if TYPE_CHECKING:
    from tests.chaos.conftest import Upstream

DOWN = Condition(enabled=False)
STALLED = Condition(downstream=Flow(cut="stall"))
SLOW = Condition(upstream=Flow(latency_ms=40), downstream=Flow(latency_ms=10))


@pytest.mark.parametrize(
    ("condition", "kind", "after_s", "verdict"),
    [
        (CLEAR, "acknowledged", 0.001, "so"),
        (CLEAR, "silent", 2.0, "not so"),
        (CLEAR, "refused", 0.001, "not so"),
        (CLEAR, "closed", 0.001, "unknown"),
        (DOWN, "refused", 0.001, "so"),
        (DOWN, "acknowledged", 0.001, "not so"),
        (DOWN, "closed", 0.001, "not so"),
        (DOWN, "silent", 2.0, "not so"),
        (STALLED, "silent", 0.15, "so"),
        (STALLED, "acknowledged", 0.1, "not so"),
        (STALLED, "refused", 0.1, "not so"),
        (STALLED, "closed", 0.1, "unknown"),
        (SLOW, "acknowledged", 0.051, "so"),
        (SLOW, "acknowledged", 0.045, "not so"),
        (SLOW, "silent", 2.0, "not so"),
    ],
)
def test_judgement(condition: Condition, kind: Kind, after_s: float, verdict: str) -> None:
    """Each condition is proved by what a probe must then see, and refuted by anything else."""
    assert judge(condition, Answer(kind, after_s)).verdict == verdict


async def serving(stack: contextlib.AsyncExitStack) -> str:
    """The address of a real gRPC server that offers nothing."""
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stack.push_async_callback(server.stop, 0)
    return f"127.0.0.1:{port}"


def test_grpc_server_acknowledges() -> None:
    """Any gRPC server answers a probe, without a service or a call."""

    async def run() -> Answer:
        async with contextlib.AsyncExitStack() as stack:
            return await probe(await serving(stack), 5.0)

    answer = asyncio.run(run())
    assert answer.kind == "acknowledged"
    assert answer.after_s < 5.0


def test_probe_tells_the_kinds_of_no_answer(upstream: "Upstream") -> None:
    """A port that listens and never answers is silent; one that closes is closed; one without a listener refuses."""

    async def run() -> tuple[Answer, Answer, Answer]:
        silent = await probe(upstream.address, 0.1)
        upstream.accept()
        pending = asyncio.create_task(probe(upstream.address, 5.0))
        connection = await asyncio.to_thread(upstream.accept)
        connection.close()
        closed = await pending
        upstream.close()
        return silent, closed, await probe(upstream.address, 5.0)

    silent, closed, refused = asyncio.run(run())
    assert (silent.kind, closed.kind, refused.kind) == ("silent", "closed", "refused")
    assert silent.after_s >= 0.1


async def agreeing(*links: Direction) -> tuple[Direction, ...]:
    """A server by whose word these links are as they should be."""
    return links


def test_every_link_must_be_as_promised() -> None:
    """One link that answers through a cut refutes the whole, and is named first."""

    async def run() -> tuple[bool, str]:
        async with contextlib.AsyncExitStack() as stack:
            address = await serving(stack)
            sights = [Sight(("n1", "n2"), address, CLEAR, True), Sight(("n2", "n1"), address, STALLED, True)]
            return await prove(sights, agreeing)

    bit, detail = asyncio.run(run())
    assert not bit
    assert detail.startswith("link n2→n1 answered after ")
    assert detail.endswith("; 1 link answered")


def test_server_vouches_for_links_to_what_does_not_run() -> None:
    """A link to a node that does not run is proved, or refuted, by the server's word, and the detail says so."""
    sights = [Sight(("n1", "n2"), "127.0.0.1:1", STALLED, False)]
    vouched = asyncio.run(prove(sights, lambda: agreeing(("n1", "n2"))))
    assert vouched == (True, "1 link by the proxy server's word, since n2 does not run")
    assert asyncio.run(prove(sights, agreeing)) == (False, "link n1→n2 is not so by the server's word")
