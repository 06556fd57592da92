"""A graceful stop: what a node keeps for others goes to them first, if they are within reach, and within bounds."""

import asyncio
import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from dynamo_node.v1 import inspect_pb2, key_value_pb2, ring_pb2
from ringcheck_reference.shell import runner

KEYS = [b"key-%d" % number for number in range(20)]


def hints(node: Any) -> set[bytes]:
    """The keys that a node keeps for n4; for one that was only slow it may keep some too."""
    pieces = node.inspect.ListHints(inspect_pb2.ListHintsRequest(), timeout=10)
    return {hint.entry.key for piece in pieces for hint in piece.hints if hint.target == "n4"}


def replicated(node: Any) -> set[bytes]:
    """The keys that a node holds itself."""
    pieces = node.inspect.ScanReplica(inspect_pb2.ScanReplicaRequest(), timeout=10)
    return {entry.key for piece in pieces for entry in piece.entries}


@pytest.fixture
def holder_and_home(make_nodes: Any) -> tuple[Any, Any]:
    """Two of four nodes: one that keeps hints, and the one that it keeps them for, which is down."""
    nodes = make_nodes(4)
    for node in nodes:
        # Handoff alone may bring the home what it missed, and seldom enough not to be done before the stop.
        node.config |= {"handoffIntervalMs": 1500, "antiEntropyIntervalMs": 600_000, "replicaTimeoutMs": 1000}
        node.start()
    for node in nodes:
        node.wait_until_serving()
    holder, *_, home = nodes
    home.end(signal.SIGKILL)
    for key in KEYS:
        holder.key_value.Put(key_value_pb2.PutRequest(key=key, value=b"v"), timeout=10)
    wait_for(lambda: hints(holder) == stood_in_for(holder))
    return holder, home


def stood_in_for(holder: Any) -> set[bytes]:
    """The keys for whose homes it stands in, were one of them missing: all but it are their homes."""
    asked = {key: holder.ring.GetPreferenceList(ring_pb2.GetPreferenceListRequest(key=key), timeout=10) for key in KEYS}
    keys = {key for key, answer in asked.items() if answer.node_ids[-1] == holder.node_id}
    assert keys
    return keys


def wait_for(condition: Callable[[], bool]) -> None:
    """Return once it holds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.05)


def test_hints_go_to_a_target_within_reach(holder_and_home: tuple[Any, Any]) -> None:
    """Before the node ends, with 0; nothing is left when it comes back."""
    holder, home = holder_and_home
    kept = hints(holder)
    home.start()
    home.wait_until_serving()
    wait_for(lambda: reaches(holder, home))
    assert holder.end(signal.SIGTERM) == 0
    assert kept <= replicated(home)
    holder.start()
    holder.wait_until_serving()
    assert hints(holder) == set()


def reaches(holder: Any, home: Any) -> bool:
    """Whether a write through the holder gets to the home: it knows that it is back."""
    probes = {b"probe-%d" % number for number in range(8)}
    for probe in probes:
        holder.key_value.Put(key_value_pb2.PutRequest(key=probe, value=b"v"), timeout=10)
    return bool(probes & replicated(home))


def test_a_target_that_is_gone_delays_nothing(holder_and_home: tuple[Any, Any]) -> None:
    """What is kept for it stays on the disk, and that is said."""
    holder, _ = holder_and_home
    kept = hints(holder)
    began = time.monotonic()
    assert holder.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 4
    assert re.search(r"node n1 keeps \d+ hints until it is started again", holder.log_path.read_text())
    holder.start()
    holder.wait_until_serving()
    assert hints(holder) == kept


def test_a_target_that_is_slow_for_a_moment_is_waited_for() -> None:
    """It may be about to answer."""

    class Core:
        looks = iter([True, False, False, True, True, False])

        @property
        def hands_over(self) -> bool:
            return next(self.looks, False)

    async def main() -> None:
        core = Core()
        waiting = runner.Runner(core, "n1", None)  # type: ignore[arg-type]
        await waiting.hand_off(9)
        assert list(core.looks) == []

    asyncio.run(main())


class Core:
    """Has hints to hand over for so many looks."""

    def __init__(self, looks: float) -> None:
        self.looks = looks

    @property
    def hands_over(self) -> bool:
        """See Node."""
        self.looks -= 1
        return self.looks >= 0


@pytest.mark.parametrize(("looks", "timeout", "longest"), [(0, 9, 2), (3, 9, 2), (float("inf"), 0.1, 2)])
def test_waiting_ends_with_the_last_hint_or_the_bound(looks: float, timeout: float, longest: float) -> None:
    """Whichever comes first."""

    async def main() -> None:
        waiting = runner.Runner(Core(looks), "n1", None)  # type: ignore[arg-type]
        began = time.monotonic()
        await waiting.hand_off(timeout)
        assert time.monotonic() - began < longest

    asyncio.run(main())
