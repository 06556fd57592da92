"""The clients of a simulated run: what they send, what they wait for, and the contexts that they hand on."""

from ringcheck.client import Answer, Reply
from ringcheck.codec import MALFORMED_CONTEXT, Codec
from ringcheck.history import Skipped
from ringcheck.schedule import Delete, Get, Operation, Put
from ringcheck.simulation.cluster import SimulatedCluster
from ringcheck.simulation.node import Request
from ringcheck.worlds.chronicle import Chronicle
from ringcheck.worlds.records import FIRST_FINAL_READ, completion, final_read, invocation

RETRY_S = 0.05


class Traffic:
    """All operations of one run, open and ended. Starting one returns at once; time passes elsewhere."""

    def __init__(self, cluster: SimulatedCluster, codec: Codec, chronicle: Chronicle) -> None:
        self._cluster = cluster
        self._codec = codec
        self._chronicle = chronicle
        self._open: dict[int, list[Operation]] = {}
        """By operation: those that wait for its context."""
        self._contexts: dict[int, bytes] = {}
        self._next_final_read = FIRST_FINAL_READ

    @property
    def idle(self) -> bool:
        """Whether no operation is open."""
        return not self._open

    def is_open(self, operation: int) -> bool:
        """Whether this operation has not ended."""
        return operation in self._open

    def start(self, step: Operation) -> None:
        """Send an operation, or have it wait until the one has ended whose context it wants."""
        source = None if isinstance(step, Get) else step.context
        self._open[step.id] = []
        if isinstance(source, int) and source in self._open:
            self._open[source].append(step)
        else:
            self._send(step)

    def read_everywhere(self, keys: tuple[str, ...], nodes: tuple[str, ...], within_s: float) -> None:
        """Read every key at every one of these nodes with R=N, as final reads.

        Wait until each is OK or the time has passed.
        One that fails is repeated, each time as an operation of its own.
        """
        scheduler = self._cluster.scheduler
        deadline = scheduler.now + within_s
        waiting = {(key, node): None for key in keys for node in nodes}

        def read(key: str, node: str) -> None:
            number, self._next_final_read = self._next_final_read, self._next_final_read + 1
            r = self._cluster.configuration.n
            self._chronicle.write(final_read(number, node, key, r, self._chronicle.now()))

            def done(answer: Answer) -> None:
                self._chronicle.write(completion(number, key, answer, self._codec, self._chronicle.now()))
                if isinstance(answer, Reply) or scheduler.now >= deadline:
                    del waiting[key, node]
                else:
                    scheduler.later(RETRY_S, read, key, node)

            self._cluster.ask(node, Request("get", self._codec.known_key(key), quorum=r), done)

        for key, node in list(waiting):
            read(key, node)
        # An operation that begins just before the deadline ends by its own patience.
        scheduler.run_until(lambda: not waiting, deadline + within_s + 10.0)

    def answers(self, key: str, nodes: tuple[str, ...]) -> set[tuple[bytes, ...] | None]:
        """The different answers that these nodes give when `key` is read with R=N; None for a failure. Not recorded."""
        found: list[Answer] = []
        r = self._cluster.configuration.n
        for node in nodes:
            self._cluster.ask(node, Request("get", self._codec.known_key(key), quorum=r), found.append)
        self._cluster.scheduler.run_until(lambda: len(found) == len(nodes), float("inf"))
        return {tuple(sorted(answer.values)) if isinstance(answer, Reply) else None for answer in found}

    def _send(self, step: Operation) -> None:
        source = None if isinstance(step, Get) else step.context
        if isinstance(source, int) and source not in self._contexts:
            reason = f"operation {source}, whose context it was to send, gave none"
            self._chronicle.write(Skipped(time=self._chronicle.now(), operation=step.id, reason=reason))
            self._ended(step.id)
            return
        context = MALFORMED_CONTEXT if source == "malformed" else b"" if source is None else self._contexts[source]
        self._chronicle.write(invocation(step, self._codec, self._chronicle.now()))

        def done(answer: Answer) -> None:
            if isinstance(answer, Reply) and not isinstance(step, Delete):
                self._contexts[step.id] = answer.context
            self._chronicle.write(completion(step.id, step.key, answer, self._codec, self._chronicle.now()))
            self._ended(step.id)

        self._cluster.ask(step.node, self._request(step, context), done)

    def _ended(self, operation: int) -> None:
        for waiting in self._open.pop(operation):
            self._send(waiting)

    def _request(self, step: Operation, context: bytes) -> Request:
        key = self._codec.key(step)
        match step:
            case Get(r=r):
                return Request("get", key, quorum=r)
            case Put(w=w):
                return Request("put", key, context, w, self._codec.value(step))
            case Delete(w=w):
                return Request("delete", key, context, w)
