"""What a node counts and how long it takes, for whoever watches it: OpenMetrics over HTTP.

Counters are the core's own, those of Inspect.Status, read when somebody asks. Times are taken around the runner, so
that neither the core nor the runner knows of this. The HTTP server is prometheus-client's, in threads of its own;
they touch the core on the loop's thread only, as everybody else does.

This module is imported by a node that is to serve metrics and by no other: the import takes as long as half a start.
"""

import asyncio
import concurrent.futures
import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, start_http_server
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from dynamo_node.v1 import peer_pb2
from ringcheck_reference.core.effects import Failure, Result
from ringcheck_reference.core.node import Node
from ringcheck_reference.core.views import LoadView, MembershipView, RingView, Status, Tally
from ringcheck_reference.shell.runner import Call, Incoming, Outgoing, Runner
from ringcheck_reference.shell.store import Store

PREFIX: Final = "dynamo_node"
_GAUGES: Final = frozenset({"hints_pending"})
"""What Status counts that may fall."""
_BUCKETS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LOOP_S: Final = 5.0
"""How long a scrape waits for the loop; one that takes longer is in trouble, and the scrape fails."""

T = TypeVar("T")


class Watched(Protocol):
    """What is read of a core."""

    def status(self) -> Status:
        """See Node."""

    def ring(self) -> RingView:
        """See Node."""

    def membership(self) -> MembershipView:
        """See Node."""

    def load(self) -> LoadView:
        """See Node."""


class Meters:
    """Times and failures, in a registry of their own: nothing here is global, so that tests run several nodes."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            f"{PREFIX}_request_seconds",
            "From a client's request at this node to its answer, by method and gRPC code.",
            ("method", "code"),
            registry=self.registry,
            buckets=_BUCKETS_S,
        )
        self.peers = Histogram(
            f"{PREFIX}_peer_request_seconds",
            "From a request to a peer to its answer, by kind.",
            ("kind",),
            registry=self.registry,
            buckets=_BUCKETS_S,
        )
        self.failures = Counter(
            f"{PREFIX}_peer_failures",
            "Requests to peers that were not answered, by kind: never sent, or lost on the way.",
            ("kind", "reason"),
            registry=self.registry,
        )


class MeteredRunner(Runner):
    """A runner that takes the time of what passes through it, and serves what it counts until it is stopped.

    Raises OSError if `address` (host:port) cannot be listened on.
    """

    def __init__(self, core: Node, node_id: str, store: Store, incarnation: str, address: str) -> None:
        super().__init__(core, node_id, store)
        self.meters = Meters()
        self._under_way: dict[tuple[str, int], tuple[str, float]] = {}
        self.meters.registry.register(CoreCollector(core, node_id, incarnation, self._loop))
        ProcessCollector(registry=self.meters.registry)
        host, _, port = address.rpartition(":")
        self._server, self._thread = start_http_server(int(port), host.strip("[]"), self.meters.registry)

    def stop(self) -> None:
        """See Runner. The HTTP server ends at its own pace of half a second; the loop's end waits for that."""
        super().stop()
        self._loop.run_in_executor(None, self._stop_serving)

    def connect(self, outgoing: Outgoing, incoming: Incoming) -> None:
        """See Runner."""
        super().connect(_Timed(outgoing, self._began), incoming)

    async def call(self, request: Call) -> Result:
        """See Runner."""
        began, code = time.perf_counter(), "CANCELLED"
        try:
            result = await super().call(request)
            code = result.code.name if isinstance(result, Failure) else "OK"
        except Exception:
            code = "INTERNAL"
            raise
        finally:
            method = type(request).__name__.removeprefix("Client")
            self.meters.requests.labels(method, code).observe(time.perf_counter() - began)
        return result

    def answered(self, peer: str, response: peer_pb2.ExchangeResponse) -> None:
        """See LinkListener."""
        if begun := self._under_way.pop((peer, response.request_id), None):
            kind, began = begun
            self.meters.peers.labels(kind).observe(time.perf_counter() - began)
        super().answered(peer, response)

    def unsent(self, peer: str, request_ids: tuple[int, ...]) -> None:
        """See LinkListener."""
        self._failed(peer, request_ids, "unsent")
        super().unsent(peer, request_ids)

    def lost(self, peer: str, request_ids: tuple[int, ...]) -> None:
        """See LinkListener."""
        self._failed(peer, request_ids, "lost")
        super().lost(peer, request_ids)

    def _stop_serving(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _began(self, peer: str, request: peer_pb2.ExchangeRequest) -> None:
        if request.request_id:
            self._under_way[peer, request.request_id] = request.WhichOneof("body") or "none", time.perf_counter()

    def _failed(self, peer: str, request_ids: tuple[int, ...], reason: str) -> None:
        for request_id in request_ids:
            if begun := self._under_way.pop((peer, request_id), None):
                self.meters.failures.labels(begun[0], reason).inc()


class _Timed:
    """Says what is sent, just before it is: a link may report at once that it was not."""

    def __init__(self, outgoing: Outgoing, began: Callable[[str, peer_pb2.ExchangeRequest], None]) -> None:
        self._outgoing = outgoing
        self._began = began

    def send(self, peer: str, request: peer_pb2.ExchangeRequest) -> None:
        """See Outgoing."""
        self._began(peer, request)
        self._outgoing.send(peer, request)

    def keep(self, peers: tuple[str, ...]) -> None:
        """See Outgoing."""
        self._outgoing.keep(peers)

    def heard_from(self, peer: str) -> None:
        """See Outgoing."""
        self._outgoing.heard_from(peer)


class CoreCollector(Collector):
    """The core's counters as they are when somebody asks; called on threads of the HTTP server."""

    def __init__(self, core: Watched, node_id: str, incarnation: str, loop: asyncio.AbstractEventLoop) -> None:
        self._core = core
        self._info = {"node": node_id, "incarnation": incarnation}
        self._loop = loop

    def collect(self) -> Iterator[Metric]:
        """One family for every counter, one for its bytes."""
        core = self._core
        status, ring, membership, load = self._on_loop(
            lambda: (core.status(), core.ring(), core.membership(), core.load())
        )
        yield InfoMetricFamily(PREFIX, "Which node this is; it has another incarnation after each start.", self._info)
        for field in dataclasses.fields(status):
            tally: Tally = getattr(status, field.name)
            about = f"See {field.name} of StatusResponse in dynamo_node/v1/inspect.proto"
            make = GaugeMetricFamily if field.name in _GAUGES else CounterMetricFamily
            yield make(f"{PREFIX}_{field.name}", f"{about}.", tally.count)
            yield make(f"{PREFIX}_{field.name}_bytes", f"{about}: its bytes.", tally.bytes)
        for name, about, value in (
            ("members", "Members in this node's view.", len(ring.members)),
            (
                "unconfirmed_partitions",
                "Partitions it owns and has not confirmed.",
                len(membership.unconfirmed),
            ),
            ("draining", "Leavers in its view that are not drained.", len(membership.draining)),
            ("requests_in_flight", "Requests under way, those of peers for clients too.", load.in_flight),
            ("background_slices", "Background work done beside them, from 1, the least, to 16.", load.slices),
        ):
            yield GaugeMetricFamily(f"{PREFIX}_{name}", about, value)
        about = "Requests answered with RESOURCE_EXHAUSTED, since max_in_flight were under way."
        yield CounterMetricFamily(f"{PREFIX}_refused_requests", about, load.refused)

    def describe(self) -> Iterator[Metric]:
        """Nothing in advance: a registry would collect instead, before there is a loop to ask."""
        return iter(())

    def _on_loop(self, read: Callable[[], T]) -> T:
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()

        def run() -> None:
            try:
                answer.set_result(read())
            except Exception as error:
                answer.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return answer.result(_LOOP_S)
