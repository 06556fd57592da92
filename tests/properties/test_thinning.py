"""Schedules without some of their steps: what is left makes sense, and is judged to its end."""

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringcheck.schedule import Delete, ExpectAnswer, ExpectSettled, Get, Put, Settle
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
    """Expectations stay as they are."""
    for example in all_examples():
        whole = example.schedule(5, 0)
        assert thinned(whole, ()) == whole


def test_an_expectation_stays_where_only_other_keys_have_changed() -> None:
    """It goes with the first operation on its key, and with anything else that is no operation."""
    for example in all_examples():
        whole = example.schedule(5, 0)
        keys = {each.id: each.key for each in whole.operations()}
        for place, step in enumerate(whole.steps):
            left = {each for each in thinned(whole, {place}).steps if isinstance(each, EXPECTATIONS)}
            assert left <= set(whole.steps)
            if isinstance(step, Get | Put | Delete):
                about = {each.key if isinstance(each, ExpectSettled) else keys[each.operation] for each in left}
                assert step.key not in about
            elif not isinstance(step, EXPECTATIONS):
                assert not left
            else:
                assert step not in left or whole.steps.count(step) > 1
    several = next(each for each in all_examples() if each.name.startswith("KV-05")).schedule(5, 0)
    assert any(isinstance(step, EXPECTATIONS) for step in thinned(several, {0}).steps)


def test_a_smaller_cluster_is_asked_for_nothing_that_it_lacks() -> None:
    """What went through the nodes that are gone goes too, and so do all expectations."""
    for number in range(20):
        whole = draw(number)
        fewer = max(whole.configuration.n, whole.configuration.nodes - 2)
        configuration = msgspec.structs.replace(whole.configuration, nodes=fewer, weights=(), hosts=())
        left = thinned(whole, (), configuration=configuration)
        assert left.configuration == configuration
        assert [flaw for flaw in flaws(left) if "ends with" not in flaw] == []
        assert configuration == whole.configuration or not any(isinstance(step, EXPECTATIONS) for step in left.steps)


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
