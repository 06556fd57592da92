"""Sums over seeds, and failures by cause."""

from hypothesis import given
from hypothesis import strategies as st

from ringcheck.exploring.tally import MOST_GROUPS, SEEDS_NAMED, Group, Tally, chief
from ringcheck.exploring.trial import BROKE, Alarm, Result

lost = Alarm(requirement="DUR-01", cause="gone")
slow = Alarm(requirement="RR-01", cause="slow")
broke = Alarm(requirement=BROKE, cause="KeyError")

results = st.builds(
    Result,
    seed=st.integers(0, 50),
    alarms=st.sampled_from([(), (lost,), (slow, lost), (broke,)]),
    held=st.dictionaries(st.sampled_from(["KV-01", "KV-02"]), st.integers(1, 3)),
    events=st.dictionaries(st.sampled_from(["restarts", "deletes"]), st.integers(0, 3)),
    messages=st.integers(0, 9),
)


def tally_of(found: list[Result]) -> Tally:
    """All of them, in this order."""
    tally = Tally()
    for result in found:
        tally.add(result, chief(result.alarms))
    return tally


@given(st.lists(results, unique_by=lambda result: result.seed), st.data())
def test_the_order_of_results_does_not_matter(found: list[Result], data: st.DataObject) -> None:
    """Workers are quicker or slower; sums, groups and the seeds named are the same."""
    assert tally_of(found) == tally_of(data.draw(st.permutations(found)))


def test_failures_are_grouped_by_requirement_and_cause() -> None:
    """Only the first of a group is news; the lowest seeds are named."""
    tally = Tally()
    news = [tally.add(Result(seed=seed, alarms=(lost,)), lost) for seed in (9, 8, 7, 6, 5, 4, 3)]
    assert [group is not None for group in news] == [True, *[False] * 6]
    (group,) = tally.groups.values()
    assert group == Group(alarm=lost, count=7, seeds=[3, 4, 5, 6, 7])
    assert len(group.seeds) == SEEDS_NAMED


def test_ever_new_causes_do_not_fill_the_memory() -> None:
    """Beyond so many groups, failures are only counted."""
    tally = Tally()
    for seed in range(MOST_GROUPS + 3):
        alarm = Alarm(requirement="DUR-01", cause=f"cause {seed}")
        tally.add(Result(seed=seed, alarms=(alarm,)), alarm)
    assert len(tally.groups) == MOST_GROUPS
    assert (tally.failing, tally.uncounted) == (MOST_GROUPS + 3, 3)


def test_a_broken_must_comes_before_a_broken_should() -> None:
    """What a seed failed by is its first grave alarm, whatever warned before."""
    assert chief((slow, lost)) == lost
    assert chief((slow,)) == slow
    assert chief(()) is None


def test_a_selection_leaves_what_was_asked_for_and_a_failed_core() -> None:
    """A core that raises an exception is always of interest."""
    assert chief((lost,), only=("KV-01",)) is None
    assert chief((lost, slow), only=("RR-01",)) == slow
    assert chief((broke,), only=("KV-01",)) == broke


def test_what_is_broken_only_beside_something_else_is_named_too() -> None:
    """A seed counts for what it failed by first; what else it broke has a seed all the same."""
    tally = Tally()
    for seed in (9, 4):
        tally.add(Result(seed=seed, alarms=(lost, slow)), lost)
    assert tally.untold(()) == tally.untold(("RR-01",)) == {"RR-01": 4}
    assert tally.untold(("DUR-01",)) == {}
    tally.add(Result(seed=11, alarms=(slow,)), slow)
    assert tally.untold(()) == {}
