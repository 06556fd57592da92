"""Admission: a bound on what is in flight, and slices of background work by the latency of the foreground."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from tests.reference.core.cluster import Cluster, Disk

from ringcheck_reference.core.admission import MOST_SLICES, Admission
from ringcheck_reference.core.effects import Effect, Failure, PutResult, Send
from ringcheck_reference.core.handoff import MAX_IN_FLIGHT
from ringcheck_reference.core.messages import (
    Caller,
    Cause,
    ClientGet,
    ClientPut,
    Code,
    Forward,
    NodeId,
    Outcome,
    PeerAnswer,
    PeerRequest,
    Read,
    Replicate,
)
from ringcheck_reference.core.node import Node
from ringcheck_reference.core.views import LoadView


def answer(admission: Admission, taken: Sequence[float], *, ends: float) -> None:
    """Requests that took so long are answered, all at `ends`."""
    for number, latency in enumerate(sorted(taken, reverse=True)):
        assert admission.begin(number, ends - latency)
    for number in range(len(taken)):
        admission.end(number, ends)


def test_a_node_that_nobody_asks_does_as_much_as_it_can() -> None:
    """There is nobody to protect."""
    assert Admission(10).slices(0.0) == Admission(10).slices(1e6) == MOST_SLICES


@given(st.lists(st.integers(0, 8), min_size=100, max_size=150))
def test_slices_are_halved_exactly_when_the_99th_percentile_is_too_slow(ticks: list[int]) -> None:
    """The percentile by nearest rank, of all that the window has seen."""
    taken = [tick / 128 for tick in ticks]  # exact as floats, and so are their sums with the times here
    admission = Admission(1000, threshold=4 / 128)
    admission.slices(10.0)
    answer(admission, taken, ends=10.4375)
    percentile = sorted(taken)[math.ceil(0.99 * len(taken)) - 1]
    assert admission.slices(10.5) == (MOST_SLICES // 2 if percentile > 4 / 128 else MOST_SLICES)


@given(st.lists(st.tuples(st.floats(0, 20), st.lists(st.floats(0, 2), max_size=150)), max_size=12), st.integers(1, 64))
def test_some_background_work_is_always_done(rounds: list[tuple[float, list[float]]], most: int) -> None:
    """Whatever the foreground does, a share is 1 to all, and no window takes more than half of the slices."""
    admission, now, before = Admission(10_000), 10.0, MOST_SLICES
    for pause, taken in rounds:
        now += pause
        answer(admission, taken, ends=now)
        slices = admission.slices(now)
        assert max(1, before // 2) <= slices <= MOST_SLICES
        assert 1 <= admission.share(most, now) <= most
        before = slices


@given(st.lists(st.booleans(), max_size=40))
def test_what_is_in_flight_stays_within_the_bound(begins: list[bool]) -> None:
    """One more is refused and counted, and one that ends makes room."""
    admission, under_way, refused = Admission(3), list[int](), 0
    for number, begin in enumerate(begins):
        if begin:
            is_taken = admission.begin(number, 0.0)
            assert is_taken == (len(under_way) < 3)
            refused += not is_taken
            under_way += [number] * is_taken
        elif under_way:
            admission.end(under_way.pop(), 0.0)
        admission.end("never begun", 0.0)
        assert (admission.in_flight, admission.refused) == (len(under_way), refused)


def test_a_slow_foreground_leaves_one_slice_and_a_fast_one_gets_all_back() -> None:
    """Halving is quick, growing is slow."""
    admission, now = Admission(1000), 0.0
    admission.slices(now)
    seen = []
    for latency in [0.25] * 5 + [0.001] * 20:
        now += 0.5
        answer(admission, [latency] * 100, ends=now - 0.125)
        seen.append(admission.slices(now))
    assert seen == [8, 4, 2, 1, 1, *range(2, 17), *[16] * 5]


def test_what_was_slow_before_a_decision_does_not_count_in_the_next() -> None:
    """Its cause may be gone with the slices that it cost."""
    admission = Admission(1000)
    answer(admission, [1.0] * 500, ends=1.0)
    assert admission.slices(1.0) == 8
    answer(admission, [0.001] * 100, ends=1.25)
    assert admission.slices(1.5) == 9


def test_requests_that_are_not_answered_at_all_are_slow() -> None:
    """A foreground that stands still answers nothing, and must not look idle."""
    admission = Admission(1000)
    admission.slices(1.0)
    for number in range(200):
        admission.begin(number, 1.0)
    assert admission.slices(2.5) == 8
    assert admission.slices(3.5) == 4


def test_few_requests_are_waited_for_before_slices_grow() -> None:
    """Of fewer than a hundred there is no 99th percentile; after ten seconds they have to do."""
    admission = Admission(1000)
    admission.slices(1.0)
    answer(admission, [0.5] * 2, ends=1.5)
    assert admission.slices(2.0) == 8
    answer(admission, [0.001] * 20, ends=3.0)
    assert admission.slices(3.9) == 8
    for number in range(7):
        answer(admission, [0.001] * 3, ends=4.5 + number)
        assert admission.slices(4.75 + number) == 8
    answer(admission, [0.001], ends=11.5)
    assert admission.slices(11.5) == 9


def test_two_slow_requests_are_enough_to_halve_slices() -> None:
    """The percentile of the first hundred is too slow then, whatever the others are like."""
    admission = Admission(1000)
    admission.slices(1.0)
    answer(admission, [0.1, 0.1, 0.001], ends=1.25)
    assert admission.slices(1.5) == 8


def test_one_slow_request_is_chance() -> None:
    """As a rule it was slow because somebody was out of reach."""
    admission = Admission(1000)
    admission.slices(1.0)
    answer(admission, [1.0, *[0.001] * 20], ends=12.0)
    assert admission.slices(12.0) == MOST_SLICES


def test_idleness_gives_everything_back_at_once() -> None:
    """A second without a request is enough, once the last ones have been answered."""
    admission = Admission(1000)
    for now in (1.0, 2.0, 3.0, 4.0):
        answer(admission, [1.0] * 100, ends=now)
    assert admission.slices(4.75) == 1
    assert admission.slices(5.25) == MOST_SLICES


def test_a_few_last_requests_do_not_hold_idleness_up() -> None:
    """However few the window has seen."""
    admission = Admission(1000)
    for now in (1.0, 2.0, 3.0, 4.0):
        answer(admission, [1.0] * 100, ends=now)
    answer(admission, [0.001] * 5, ends=4.25)
    assert admission.slices(5.0) == 1
    assert admission.slices(5.5) == MOST_SLICES


class Busy(Node):
    """Keeps an eye on its background requests."""

    slices: int | None = None
    """If given, how many there are, whatever the foreground does."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.under_way: dict[NodeId, set[int]] = defaultdict(set)
        self.most_under_way = 0
        """Most hints on their way to one node at a time."""
        if self.slices is not None:
            self._desk.admission = Fixed(self.slices)

    def look_anew(self) -> None:
        """Forget what was under way: slow nodes may have been taken for missing ones, and kept hints for."""
        self.under_way.clear()
        self.most_under_way = 0

    def _leave(self) -> list[Effect]:
        effects = super()._leave()
        for effect in effects:
            match effect:
                case Send(str() as to, PeerRequest(id=number, body=Replicate(cause=Cause.HANDOFF))):
                    self.under_way[to].add(number)
                    self.most_under_way = max(self.most_under_way, len(self.under_way[to]))
        return effects

    def _on_answer(self, sender: NodeId, answer: PeerAnswer) -> None:
        self.under_way[sender].discard(answer.id)
        super()._on_answer(sender, answer)


class Fixed(Admission):
    """So many slices."""

    def __init__(self, slices: int) -> None:
        super().__init__(1024)
        self.fixed = slices

    def slices(self, now: float) -> int:
        """The same at any time."""
        return self.fixed


class OneSlice(Busy):
    """As busy as can be."""

    slices = 1


def with_hints(core: type[Node], keys: int = 300, **settings: Any) -> Cluster:
    """Five nodes, of which n5 is down and is kept hints by the others."""
    cluster = Cluster(core=core, **settings)
    cluster.run_for(1.0)
    cluster.crash("n5")
    cluster.run_for(1.0)
    calls = [cluster.call(f"n{number % 4 + 1}", ClientPut(b"key %d" % number, b"v")) for number in range(keys)]
    assert cluster.run_until(lambda: all(call in cluster.replies for call in calls), within=2.0)
    return cluster


def most_under_way(cluster: Cluster) -> int:
    """Most hints on their way from one node to another at a time."""
    return max(cast("Busy", process.core).most_under_way for process in cluster.running.values())


def test_with_one_slice_a_cluster_converges_all_the_same() -> None:
    """Handoff, anti-entropy and transfer take turns of one; a deadline of ten seconds holds."""
    cluster = with_hints(OneSlice, keys=100)
    cluster.heal()
    cluster.settle()
    assert most_under_way(cluster) == 1
    cluster.crash("n4")
    cluster.replace_disk("n4", Disk())
    cluster.start("n4")
    cluster.settle()


def test_with_all_slices_as_many_are_under_way_as_handoff_allows() -> None:
    """Nobody asks, so nothing is held back."""
    cluster = with_hints(Busy)
    cluster.run_for(2.0)
    cluster.heal()
    cluster.settle()
    assert most_under_way(cluster) == MAX_IN_FLIGHT


def test_handoff_yields_to_a_foreground_that_is_slow() -> None:
    """Once the slices are down to one, one hint at a time is on its way; and all arrive."""
    cluster = with_hints(Busy, slowness={Read: 0.4})
    for _ in range(12):
        for number in range(480):
            cluster.call(f"n{number % 4 + 1}", ClientGet(b"key %d" % number))
        cluster.run_for(1.1)
    assert {process.core.load().slices for process in cluster.running.values()} == {1}
    for process in cluster.running.values():
        cast("Busy", process.core).look_anew()
    cluster.heal()
    # The requests go on: a node that nobody asks gives everything back.
    while cluster.difference():
        for number in range(480):
            cluster.call(f"n{number % 4 + 1}", ClientGet(b"key %d" % number))
        cluster.run_for(0.9)
        assert cluster.now < 30.0, cluster.difference()
    assert most_under_way(cluster) == 1


def test_one_more_than_the_limit_is_refused_at_once_and_takes_no_effect() -> None:
    """Before anybody else has heard of it, while what was taken on goes on."""
    cluster = Cluster(max_in_flight=5)
    cluster.run_for(1.0)
    calls = [cluster.call("n1", ClientPut(b"key %d" % number, b"v")) for number in range(5)]
    refused = [cluster.call("n1", ClientPut(b"other", b"v")), cluster.call("n1", ClientGet(b"other"))]
    for call in refused:
        result = cluster.replies[call]
        assert isinstance(result, Failure)
        assert result.code == Code.RESOURCE_EXHAUSTED
        assert result.message == "n1 has 5 requests under way, its limit; try again later"
    assert not any(call in cluster.replies for call in calls)
    assert cluster.run_until(lambda: all(call in cluster.replies for call in calls), within=2.0)
    assert all(isinstance(cluster.replies[call], PutResult) for call in calls)
    cluster.settle()
    assert not cluster.holders(b"other")
    assert cluster.running["n1"].core.load() == LoadView(in_flight=0, refused=2, slices=16)
    assert isinstance(cluster.ask("n1", ClientPut(b"other", b"v")), PutResult)


def test_a_coordinator_that_is_full_has_the_client_told_so() -> None:
    """By the node asked, which sends the write to nobody else: that it was refused is no proof for a forwarder."""
    cluster = Cluster(max_in_flight=4)
    cluster.run_for(1.0)
    coordinator = cluster.ring.preference_list(b"key")[0]
    others = [name for name in cluster.names if name != coordinator]
    calls = [cluster.call(name, ClientPut(b"key", b"v")) for name in others for _ in range(4)]
    assert cluster.run_until(lambda: all(call in cluster.replies for call in calls), within=2.0)
    results = [cluster.replies[call] for call in calls]
    codes = {result.code for result in results if isinstance(result, Failure)}
    assert codes == {Code.RESOURCE_EXHAUSTED}
    accepted = sum(isinstance(result, PutResult) for result in results)
    refused = cluster.running[coordinator].core.load().refused
    assert accepted >= 4
    assert refused == len(calls) - accepted > 0
    cluster.settle()
    assert sum(status.writes.count for status in cluster.statuses().values()) == accepted


def test_a_forward_that_was_refused_stays_refused_when_it_is_repeated() -> None:
    """The client has been told; nothing may come of it later."""
    cluster = Cluster(max_in_flight=1)
    cluster.run_for(1.0)
    node = cluster.ring.preference_list(b"key")[0]
    caller = Caller("n9", "run-9", 9)
    body = Forward(cluster.running[node].incarnation, b"key", b"v", b"", 2)
    cluster.call(node, ClientGet(b"key"))
    (first,) = cluster.question(node, caller, PeerRequest(7, body))
    cluster.run_for(1.0)
    (again,) = cluster.question(node, caller, PeerRequest(7, body))
    (other,) = cluster.question(node, caller, PeerRequest(8, body))
    assert isinstance(first.body, Outcome)
    assert first.body.code == Code.RESOURCE_EXHAUSTED
    assert again.body == first.body
    assert isinstance(other.body, Outcome)
    assert other.body.code == Code.OK
