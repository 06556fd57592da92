"""The network between clients and nodes: one proxy per directed link, on which faults are injected and healed."""

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from ringcheck_chaos.conditions import CLEAR, Condition, conditions, dialled
from ringcheck_chaos.faults import Direction, NetworkFault, describe
from ringcheck_chaos.link import Link
from ringcheck_chaos.proof import Proof, Sight, prove
from ringcheck_chaos.toxiproxy import MissingError, Toxiproxy, UnreachableError

HOST = "127.0.0.1"
THREADS = 8
NODE_ID = re.compile(r"[A-Za-z0-9_-]+")

T = TypeVar("T")

Running = Callable[[str], bool]
"""Says of a node whether its process runs and is not paused, so that it can answer a probe."""


class Links:
    """All proxies of one cluster. Made by `await Links.create(…)`; an async context manager that removes them.

    Faults overlap freely: a link is cut as long as any of them cuts it. Nodes keep their ports over restarts, so
    proxies live as long as the cluster. Nothing should be injected or healed while a node is paused: a foreign
    Toxiproxy can wait for ever on a connection that nobody reads; the embedded one does not.
    """

    def __init__(self, server: Toxiproxy, links: Mapping[Direction, Link]) -> None:
        self._server = server
        self._links = dict(links)
        self._nodes = tuple(dict.fromkeys(target for _, target in links))
        self._faults: dict[int, NetworkFault] = {}
        self._ended: set[Direction] = set()
        """Stalled links of which one end's process has ended since."""
        self._lock = asyncio.Lock()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="toxiproxy")

    @staticmethod
    def ports_needed(nodes: int) -> int:
        """How many ports the proxies of a cluster of so many nodes listen on."""
        return nodes * nodes

    @classmethod
    async def create(cls, server_url: str, upstreams: Mapping[str, str], ports: Sequence[int]) -> Self:
        """Create all proxies on the server at `server_url`, which runs on this machine.

        `upstreams` maps node ids to the addresses (host:port) on which the nodes listen or will listen; `ports` are
        leased, `ports_needed(len(upstreams))` of them. Raises ToxiproxyError, and ValueError for unfit arguments.
        """
        wanted = dialled(upstreams)
        if len(ports) < len(wanted):
            raise ValueError(f"{len(upstreams)} nodes need {len(wanted)} ports for links; {len(ports)} are given.")
        if unfit := [node for node in upstreams if not NODE_ID.fullmatch(node)]:
            raise ValueError(f"Node ids name proxies: letters, digits, - and _ only, unlike {unfit[0]!r}.")
        # A server may carry several clusters; leased ports differ, so names that hold one do too.
        made = {
            (source, target): Link(f"ringcheck-{ports[0]}.{source}.{target}", f"{HOST}:{port}", upstreams[target])
            for (source, target), port in zip(wanted, ports, strict=False)
        }
        links = cls(Toxiproxy(server_url), made)
        try:
            await links._call(partial(links._server.populate, [link.json() for link in made.values()]))
        except BaseException:
            await links.close()
            raise
        return links

    def address(self, source: str, target: str) -> str:
        """The address (host:port) that `source`, a node or CLIENT, dials to reach `target`."""
        return self._links[source, target].listen

    @property
    def active(self) -> Mapping[int, NetworkFault]:
        """The faults that are injected and not healed, by their ids."""
        return dict(self._faults)

    async def inject(self, fault_id: int, fault: NetworkFault, running: Running | None = None) -> Proof:
        """Make `fault` take effect, and prove it. Raises ToxiproxyError; ValueError if it makes no sense here.

        `running` defaults to yes for all; what does not run is found out by the probe, a little later.
        """
        async with self._lock:
            if fault_id in self._faults:
                raise ValueError(f"Fault {fault_id} is injected already: {describe(self._faults[fault_id])}.")
            if not conditions([fault], self._nodes):
                raise ValueError(f"No link can suffer: {describe(fault)}; nodes are {', '.join(self._nodes)}.")
            return await self._change({**self._faults, fault_id: fault}, [fault], running)

    async def heal(self, fault_id: int, running: Running | None = None) -> Proof:
        """End one fault, and prove it. What other faults do to the same links goes on. KeyError if there is none."""
        async with self._lock:
            rest = dict(self._faults)
            fault = rest.pop(fault_id)
            return await self._change(rest, [fault], running)

    async def reset(self, running: Running | None = None) -> Proof:
        """End all faults, and prove it."""
        async with self._lock:
            return await self._change({}, list(self._faults.values()), running)

    def node_ended(self, node: str) -> None:
        """Tell that the process of `node` was killed or ended, its connections with it.

        Healing a stall then replaces the proxy: a foreign Toxiproxy waits five seconds for each stream that holds
        bytes for a socket that is closed. To leave the call out costs this time, nothing else.
        """
        now = conditions(self._faults.values(), self._nodes)
        self._ended.update(ends for ends, condition in now.items() if condition.stalled and node in ends)

    async def close(self) -> None:
        """Remove the proxies, if they are still there."""
        try:
            await self._each([partial(self._destroy, link.name) for link in self._links.values()])
        finally:
            self._shut()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _change(
        self, faults: Mapping[int, NetworkFault], by: Sequence[NetworkFault], running: Running | None
    ) -> Proof:
        """Go over to `faults`, and prove the condition of every proxy that the faults in `by` touch."""
        before = conditions(self._faults.values(), self._nodes)
        after = conditions(faults.values(), self._nodes)
        touched = sorted(conditions(by, self._nodes))
        self._faults = dict(faults)
        began = time.monotonic()
        await self._each(self._moves(touched, before, after))
        ended = time.monotonic()
        sights = [
            Sight(ends, self._links[ends].listen, after.get(ends, CLEAR), running is None or running(ends[1]))
            for ends in touched
        ]
        bit, detail = await prove(sights, partial(self._agreeing, sights))
        return Proof(bit, detail, began, ended)

    def _moves(
        self,
        touched: Iterable[Direction],
        before: Mapping[Direction, Condition],
        after: Mapping[Direction, Condition],
    ) -> list[Callable[[], None]]:
        moves: list[Callable[[], None]] = []
        for ends in touched:
            old, new = before.get(ends, CLEAR), after.get(ends, CLEAR)
            if old != new:
                afresh = ends in self._ended and not new.stalled
                moves.append(partial(self._links[ends].move, self._server, old, new, afresh))
                if not new.stalled:
                    self._ended.discard(ends)
        return moves

    async def _agreeing(self, sights: Sequence[Sight]) -> Collection[Direction]:
        """The links that are in the condition in which they should be, by the server's own word."""
        states = await self._call(self._server.proxies)
        return [sight.link for sight in sights if self._links[sight.link].agrees(states, sight.condition)]

    def _destroy(self, name: str) -> None:
        # A server that is gone has taken its proxies with it.
        with contextlib.suppress(MissingError, UnreachableError):
            self._server.destroy(name)

    def _shut(self) -> None:
        self._pool.shutdown()
        self._server.close()

    async def _call(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    async def _each(self, calls: Sequence[Callable[[], None]]) -> None:
        # Every call ends before an error of one is raised: none may still be at work when the next change begins.
        results = await asyncio.gather(*(self._call(call) for call in calls), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
