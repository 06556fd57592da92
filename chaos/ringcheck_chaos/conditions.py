"""What all faults together ask of each proxy: pure functions from faults to the state of the links.

A proxy (i, j) is what i dials to reach j. What flows from i to j travels *upstream* on (i, j), and *downstream* on
(j, i), the connection that j opened.

However many faults lie on one stream, at most one toxic does. Toxics in a row would hold each other up: Toxiproxy
hands a held chunk on when a toxic is added or removed beside a stall, so that bytes leak through the cut, or waits
for ever to hand it on, and its API with it.
"""

from collections.abc import Iterable, Mapping

import msgspec

from ringcheck_chaos.faults import CLIENT, Cut, Direction, NetworkFault, directions
from ringcheck_chaos.toxiproxy import Stream

STREAMS: tuple[Stream, Stream] = ("upstream", "downstream")


class Flow(msgspec.Struct, frozen=True):
    """How one stream of a proxy suffers. A drop hides a stall, and either hides latency."""

    cut: Cut | None = None
    latency_ms: int = 0

    def joined(self, other: "Flow") -> "Flow":
        """Both at once: the stronger cut, the sum of the latencies."""
        cut = max(self.cut, other.cut, key=(None, "stall", "drop").index)
        return Flow(cut, self.latency_ms + other.latency_ms)

    def toxic(self) -> tuple[str, Mapping[str, int]] | None:
        """Type and attributes of the one toxic that does it, None if nothing needs doing."""
        match self:
            case Flow(cut="stall"):
                return "bandwidth", {"rate": 0}
            case Flow(cut="drop"):
                return "timeout", {"timeout": 0}
            case Flow(latency_ms=latency_ms) if latency_ms:
                return "latency", {"latency": latency_ms, "jitter": 0}
        return None


OPEN = Flow()


class Condition(msgspec.Struct, frozen=True):
    """The state of one proxy."""

    enabled: bool = True
    upstream: Flow = OPEN
    downstream: Flow = OPEN

    @property
    def silent(self) -> bool:
        """Whether a request gets no answer: a cut lies on either stream."""
        return bool(self.upstream.cut or self.downstream.cut)

    @property
    def latency_ms(self) -> int:
        """What is added to a round trip."""
        return self.upstream.latency_ms + self.downstream.latency_ms

    def joined(self, other: "Condition") -> "Condition":
        """Both at once."""
        return Condition(
            self.enabled and other.enabled,
            self.upstream.joined(other.upstream),
            self.downstream.joined(other.downstream),
        )

    def toxics(self) -> dict[Stream, tuple[str, Mapping[str, int]]]:
        """The toxic of each stream that has one."""
        both = {"upstream": self.upstream.toxic(), "downstream": self.downstream.toxic()}
        return {stream: toxic for stream in STREAMS if (toxic := both[stream])}

    def replaces_cut(self, successor: "Condition") -> bool:
        """Whether one kind of cut gives way to the other on some stream.

        What a stall holds must not slip through while a drop takes its place, nor may bytes flow on after a hole.
        """
        pairs = (self.upstream, successor.upstream), (self.downstream, successor.downstream)
        return any(old.cut and new.cut and old.cut != new.cut for old, new in pairs)

    @property
    def stalled(self) -> bool:
        """Whether bytes wait on either stream."""
        return "stall" in (self.upstream.cut, self.downstream.cut)


CLEAR = Condition()


def dialled(nodes: Iterable[str]) -> list[Direction]:
    """Every (source, target) that needs a proxy: each node and the clients dial each other node."""
    targets = list(nodes)
    return [(source, target) for source in (CLIENT, *targets) for target in targets if source != target]


def conditions(faults: Iterable[NetworkFault], nodes: Iterable[str]) -> dict[Direction, Condition]:
    """The condition of every proxy that at least one of `faults` touches; all others are clear."""
    nodes = tuple(nodes)
    existing = set(dialled(nodes))
    found: dict[Direction, Condition] = {}
    for fault in faults:
        for proxy, condition in _of_one(fault, nodes):
            if proxy in existing:
                found[proxy] = found.get(proxy, CLEAR).joined(condition)
    return found


def _of_one(fault: NetworkFault, nodes: tuple[str, ...]) -> Iterable[tuple[Direction, Condition]]:
    for source, target in sorted(directions(fault, nodes)):
        if fault.how == "down":
            yield (source, target), Condition(enabled=False)
            continue
        cut, latency_ms = (None, fault.latency_ms) if fault.how == "latency" else (fault.how, 0)
        flow = Flow(cut, latency_ms)
        yield (source, target), Condition(upstream=flow)
        yield (target, source), Condition(downstream=flow)
