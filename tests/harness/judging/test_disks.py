"""Disks that were destroyed: who lost one when, and what is certain to be left."""

from hypothesis import given
from hypothesis import strategies as st

from ringcheck.history import DiskLost
from ringcheck.judging.disks import Disks
from ringcheck.judging.handmade import Handmade
from ringcheck.judging.timeline import timeline

LOSSES = st.lists(
    st.builds(
        DiskLost,
        time=st.integers(0, 20).map(float),
        node=st.sampled_from(["n1", "n2", "n3"]),
        how=st.sampled_from(["wiped", "rolled back"]),
    ),
    max_size=8,
)
CONVERGENCES = st.dictionaries(st.integers(0, 20).map(lambda time: time + 0.5), st.sampled_from([1, 3]), max_size=4)
MOMENTS = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted)


@given(LOSSES, CONVERGENCES, MOMENTS)
def test_destroyed_are_those_and_only_those_within(
    losses: list[DiskLost], convergences: dict[float, int], moments: list[int]
) -> None:
    """Each node that lost a disk from the first moment to the last, the last included, is named once."""
    start, stop = moments
    within = [loss for loss in losses if start <= loss.time <= stop]
    disks = Disks(losses, convergences)
    assert sorted(disks.destroyed(start, stop)) == sorted({loss.node for loss in within})
    assert set(disks.destroyed(start, stop)) == {
        *disks.destroyed(start, stop, "wiped"),
        *disks.destroyed(start, stop, "rolled back"),
    }


@given(LOSSES, CONVERGENCES, MOMENTS, st.integers(1, 2))
def test_more_copies_and_less_time_keep_more(
    losses: list[DiskLost], convergences: dict[float, int], moments: list[int], copies: int
) -> None:
    """What some copies are enough for, more are; what is left later was left before."""
    start, stop = moments
    disks = Disks(losses, convergences)
    if disks.keep(copies, start, stop):
        assert disks.keep(copies + 1, start, stop)
        assert all(disks.keep(copies, start, earlier) for earlier in range(start, stop))


@given(LOSSES, MOMENTS, st.integers(1, 3))
def test_convergence_makes_copies_anew(losses: list[DiskLost], moments: list[int], copies: int) -> None:
    """What is left at a convergence lies on as many disks as that shows; without one, losses add up."""
    start, stop = moments
    middle = (start + stop) // 2 + 0.5
    alone, settled = Disks(losses, {}), Disks(losses, {middle: 3})
    assert alone.keep(copies, start, stop) == (len(alone.destroyed(start, stop)) < copies)
    if middle < stop:
        left = settled.keep(copies, start, middle)
        assert settled.keep(copies, start, stop) == (left and len(settled.destroyed(middle, stop)) < 3)
        assert settled.keep_state(middle, stop) == (len(settled.destroyed(middle, stop)) < 3)


def test_destroyed_disk_disturbs_for_a_moment_and_is_no_outage() -> None:
    """It touches what goes on then; who is down is told by the node alone."""
    tale = Handmade()
    tale.lose("n1", how="rolled back")
    lights = timeline(tale.events, tale.nodes)
    (loss,) = (each for each in lights.disturbances if each.disk)
    assert (loss.may_begin, loss.node, loss.what) == (loss.ended, "n1", "the disk of n1 rolled back")
    assert not lights.calm(loss.begun, loss.begun)
    assert not lights.sound_disk("n1", 0.0, tale.now)
    assert lights.sound_disk("n2", 0.0, tale.now)
    assert not lights.surely_down("n2", loss.begun, loss.begun)
