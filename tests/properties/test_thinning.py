"""Schedules without some of their steps: what is left makes sense, and is judged to its end."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringcheck.schedule import ExpectAnswer, ExpectSettled, Get, Put, Settle
from ringcheck_properties.exploration import draw
from ringcheck_properties.flaws import flaws
from ringcheck_properties.registry import all_examples
from ringcheck_properties.thinning import thinned

EXPECTATIONS = ExpectAnswer | ExpectSettled


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 30), st.data())
def test_what_is_left_has_no_flaw_and_is_settled(seed: int, data: st.DataObject) -> None:
    """Whatever is dropped: operations whose contexts went keep none, ends of faults go with their beginnings."""
    whole = draw(seed)
    dropped = data.draw(st.sets(st.integers(0, len(whole.steps) - 1)))
    left = thinned(whole, dropped)
    assert not flaws(left)
    assert not isinstance(whole.steps[-1], Settle) or isinstance(left.steps[-1], Settle)
    assert left.configuration == whole.configuration


def test_nothing_dropped_changes_nothing() -> None:
    """Expectations stay as they are; they go with the first step that does."""
    for example in all_examples():
        whole = example.schedule(5, 0)
        assert thinned(whole, ()) == whole
        assert not any(isinstance(step, EXPECTATIONS) for step in thinned(whole, {0}).steps)


def test_everything_dropped_is_a_settle() -> None:
    """There is always something to carry out."""
    whole = draw(1)
    assert thinned(whole, range(len(whole.steps))).steps == (Settle(),)


def test_what_promises_no_rest_is_not_settled() -> None:
    """Where handoff takes an hour, nobody waits for it: faults are healed and nodes are up, and that is the end."""
    example = next(each for each in all_examples() if each.name.startswith("RR-01"))
    whole = example.schedule(5, 0)
    for place in range(len(whole.steps)):
        left = thinned(whole, {place})
        assert not flaws(left)
        assert not any(isinstance(step, Settle) for step in left.steps)


def test_a_put_whose_context_went_is_blind() -> None:
    """A Delete in its place goes too: it has seen nothing."""
    whole = next(
        each for each in map(draw, range(50)) if any(isinstance(step, Put) and step.context for step in each.steps)
    )
    place, put = next((n, step) for n, step in enumerate(whole.steps) if isinstance(step, Put) and step.context)
    source = next(n for n, step in enumerate(whole.steps) if isinstance(step, Get | Put) and step.id == put.context)
    left = thinned(whole, {source})
    assert place > source
    assert next(step for step in left.steps if isinstance(step, Put) and step.id == put.id).context is None
