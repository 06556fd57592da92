"""The clients of a run: they send operations, wait for them, and hand contexts on."""

import asyncio
import time

from ringcheck.client import Answer, Failure, Reply
from ringcheck.cluster import Cluster
from ringcheck.codec import MALFORMED_CONTEXT, Codec
from ringcheck.history import Skipped
from ringcheck.schedule import Delete, Get, Operation, Put
from ringcheck.worlds.chronicle import Chronicle
from ringcheck.worlds.live.understudy import Understudies
from ringcheck.worlds.records import FIRST_FINAL_READ, completion, final_read, invocation

AT_ONCE = 16
"""So many final reads are under way at a time."""

RETRY_S = 0.05


class Traffic:
    """All operations of one run, open and ended."""

    def __init__(self, cluster: Cluster, codec: Codec, chronicle: Chronicle, understudies: Understudies) -> None:
        self._understudies = understudies
        self._cluster = cluster
        self._codec = codec
        self._chronicle = chronicle
        self._open: dict[int, asyncio.Task[None]] = {}
        self._contexts: dict[int, bytes] = {}
        self._next_final_read = FIRST_FINAL_READ

    async def start(self, step: Operation) -> None:
        """Send an operation, and wait for its end if the step says so."""
        task = asyncio.create_task(self._carry_out(step), name=f"operation {step.id}")
        self._open[step.id] = task
        if step.wait:
            await task
        else:
            await asyncio.sleep(0)  # let it be sent before the next step begins

    async def idle(self) -> None:
        """Wait until no operation is open; each has a deadline of its own."""
        await asyncio.gather(*self._open.values())

    async def cancel(self) -> None:
        """Give up what is open, without a word in the history."""
        for task in self._open.values():
            task.cancel()
        await asyncio.gather(*self._open.values(), return_exceptions=True)

    async def read_everywhere(self, keys: tuple[str, ...], nodes: tuple[str, ...], within_s: float) -> None:
        """Read every key at every one of these nodes with R=N, as final reads.

        One that fails is repeated, each time as an operation of its own, until it is OK or `within_s` has passed.
        """
        gate = asyncio.Semaphore(AT_ONCE)
        deadline = time.monotonic() + within_s

        async def persist(key: str, node: str) -> None:
            async with gate:
                while True:
                    if await self._final_read(key, node) or time.monotonic() >= deadline:
                        break
                    await asyncio.sleep(RETRY_S)

        await asyncio.gather(*(persist(key, node) for key in keys for node in nodes))

    async def answers(self, key: str, nodes: tuple[str, ...]) -> set[tuple[bytes, ...] | None]:
        """The different answers that these nodes give when `key` is read with R=N; None for a failure. Not recorded."""
        raw = self._codec.known_key(key)
        r = self._cluster.configuration.n
        replies = await asyncio.gather(*(self._cluster.nodes[name].client.get(raw, r) for name in nodes))
        return {tuple(sorted(reply.values)) if isinstance(reply, Reply) else None for reply in replies}

    async def _final_read(self, key: str, name: str) -> bool:
        number, self._next_final_read = self._next_final_read, self._next_final_read + 1
        r = self._cluster.configuration.n
        self._chronicle.write(final_read(number, name, key, r, self._chronicle.now()))
        node = self._cluster.nodes[name]
        answer = await node.client.get(self._codec.known_key(key), r)
        self._ended(number, name, key, answer)
        return isinstance(answer, Reply)

    async def _carry_out(self, step: Operation) -> None:
        source = None if isinstance(step, Get) else step.context
        if isinstance(source, int):
            earlier = self._open.get(source)
            if earlier and not earlier.done():
                await asyncio.wait([earlier])
            if source not in self._contexts:
                self._skip(step, f"operation {source}, whose context it was to send, gave none")
                return
        if isinstance(step, Put) and step.as_peer and (reason := await self._understudies.unready(step)):
            self._skip(step, reason)
            return
        context = MALFORMED_CONTEXT if source == "malformed" else b"" if source is None else self._contexts[source]
        self._chronicle.write(invocation(step, self._codec, self._chronicle.now()))
        answer = await self._send(step, context)
        if isinstance(answer, Reply) and not isinstance(step, Delete):
            self._contexts[step.id] = answer.context
        self._ended(step.id, step.node, step.key, answer)

    def _skip(self, step: Operation, reason: str) -> None:
        self._chronicle.write(Skipped(time=self._chronicle.now(), operation=step.id, reason=reason))

    async def _send(self, step: Operation, context: bytes) -> Answer:
        if not self._cluster.nodes[step.node].was_started:
            return Failure("UNAVAILABLE", "The node was never started.", False)
        client = self._cluster.nodes[step.node].client
        key = self._codec.key(step)
        match step:
            case Put(as_peer=source) if source:
                return await self._understudies.put(step, context)
            case Get(r=r):
                return await client.get(key, r)
            case Put(w=w):
                return await client.put(key, self._codec.value(step), context, w)
            case Delete(w=w):
                return await client.delete(key, context, w)

    def _ended(self, operation: int, node: str, key: str, answer: Answer) -> None:
        self._chronicle.write(completion(operation, key, answer, self._codec, self._chronicle.now()))
        if isinstance(answer, Reply):
            self._cluster.nodes[node].last_seen = time.monotonic()
