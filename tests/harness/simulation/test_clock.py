"""Virtual time: things happen in their order, and clocks of nodes never go back."""

from hypothesis import given
from hypothesis import strategies as st

from ringcheck.simulation.clock import ROUNDING_S, NodeClock, Scheduler

moments = st.floats(0, 100)


@given(st.lists(moments))
def test_things_happen_in_the_order_of_their_moments(drawn: list[float]) -> None:
    """Whatever order they were put down in; equal moments in that order."""
    scheduler = Scheduler()
    happened: list[tuple[float, int]] = []
    for number, moment in enumerate(drawn):
        scheduler.at(moment, lambda n=number: happened.append((scheduler.now, n)))
    scheduler.run_for(100)
    assert happened == sorted((moment, number) for number, moment in enumerate(drawn))
    assert scheduler.now == 100


def test_what_happens_may_put_more_down() -> None:
    """Also for the same moment, and for one that has passed; neither turns time back."""
    scheduler = Scheduler()
    seen: list[float] = []

    def again() -> None:
        seen.append(scheduler.now)
        if len(seen) < 3:
            scheduler.at(0.5, again)

    scheduler.at(1.0, again)
    scheduler.run_for(2.0)
    assert seen == [1.0, 1.0, 1.0]


def test_time_stops_at_a_condition_or_at_the_deadline() -> None:
    """`run_until` says which."""
    scheduler = Scheduler()
    done: list[int] = []
    scheduler.later(1.0, done.append, 1)
    scheduler.later(2.0, done.append, 2)
    assert scheduler.run_until(lambda: bool(done), 5.0)
    assert (scheduler.now, done) == (1.0, [1])
    assert not scheduler.run_until(lambda: len(done) > 5, 1.5)
    assert (scheduler.now, done) == (1.5, [1])


@given(st.lists(st.tuples(st.floats(0.001, 10), st.sampled_from((0.25, 1.0, 3.0)), st.sampled_from((0.0, 0.7, 60.0)))))
def test_a_clock_never_goes_back_and_tells_when_it_will_show_something(
    changes: list[tuple[float, float, float]],
) -> None:
    """However it is set; at the moment that it names for a deadline it shows that deadline, or a nanosecond more."""
    clock, now, shown = NodeClock(), 0.0, 0.0
    for wait, rate, jump in changes:
        now += wait
        assert clock.read(now) >= shown
        clock.set(now, rate=rate, jump=jump)
        shown = clock.read(now)
        deadline = shown + 1.0
        moment = clock.moment(deadline)
        assert clock.read(moment) >= deadline
        assert clock.read(moment) - deadline < 10 * ROUNDING_S
