"""The situation of an operation is the same whichever operation of its stretch it was worked out for."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck.history import Event, Info, Invoke, Ok
from ringcheck.judging.operations import Operation, sort_out
from ringcheck.judging.situation import Situation, Situations
from ringcheck.judging.timeline import Disturbance, Timeline
from ringcheck_chaos.faults import CLIENT, Direction, Isolate, LinkFault, directions

NODES = ("n1", "n2", "n3")
WAYS: list[frozenset[Direction]] = [
    directions(Isolate(how="drop", node="n1"), NODES),
    directions(LinkFault(how="drop", source="n2", target="n3", one_way=True), NODES),
    directions(LinkFault(how="stall", source=CLIENT, target="n1"), NODES),
]
MOMENTS = st.lists(st.integers(0, 12).map(float), min_size=4, max_size=4).map(sorted)


@st.composite
def disturbances(draw: st.DrawFn) -> Disturbance:
    """A link that suffers, a node that is down, or something erratic."""
    a, b, c, d = draw(MOMENTS)
    if draw(st.booleans()):
        return Disturbance(a, b, c, d, what="", node=draw(st.sampled_from(NODES)))
    blocking = draw(st.booleans())
    erratic = not blocking and draw(st.booleans())
    return Disturbance(a, b, c, d, what="", directions=draw(st.sampled_from(WAYS)), blocking=blocking, erratic=erratic)


def told(situation: Situation) -> object:
    """All that a situation says."""
    return (
        (situation.disturbed, situation.cut, situation.steady, situation.critical),
        [(situation.together(node), situation.connected(node)) for node in NODES],
        [(situation.at_hand(node), situation.asked_freely(node)) for node in NODES],
    )


@given(
    st.lists(disturbances(), max_size=4),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=20),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_situation_is_that_of_the_operation_itself(
    suffering: list[Disturbance], operations: list[tuple[int, int]], lead: float
) -> None:
    """One found among those of earlier operations says what one made for this operation says."""
    timeline = Timeline(suffering, NODES)
    situations = Situations(timeline, lead)
    for begun, length in operations:
        start, stop = begun / 4, (begun + length) / 4
        assert told(situations.of(start, stop)) == told(Situation(timeline, start - lead, start, stop))


def told_of(random: Random) -> list[Operation]:
    """Sixty operations, a few of which were not answered OK."""
    events: list[Event] = []
    starts = [random.uniform(0, 14) for _ in range(60)]
    for number, start in enumerate(random.choice([starts, sorted(starts)])):
        stop = start + random.choice([0.0, 0.1, random.uniform(0, 4)])
        events.append(Invoke(time=start, operation=number, kind="get", client=0, node="n1", key="k", quorum=2))
        ok = random.random() < 0.95
        events.append(Ok(time=stop, operation=number) if ok else Info(time=stop, operation=number, code="UNAVAILABLE"))
    return list(sort_out(events).operations.values())


@given(
    st.lists(disturbances(), min_size=1, max_size=4),
    st.randoms(use_true_random=True),
    st.sampled_from([0.3, 0.7, 1.4]),
)
@settings(deadline=None, max_examples=200)
def test_striking_are_all_but_the_uncritical(suffering: list[Disturbance], random: Random, lead: float) -> None:
    """Whatever is passed over at one comparison is nothing of which its own situation had anything to say."""
    timeline, operations = Timeline(suffering, NODES), told_of(random)
    found = [(each, told(situation)) for each, situation in Situations(timeline, lead).striking(operations)]
    own = [(each, Situation(timeline, each.start - lead, each.start, each.stop)) for each in operations]
    assert found == [(each, told(situation)) for each, situation in own if situation.critical or not each.ok]
