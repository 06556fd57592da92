"""The scripted examples as schedules for a simulated world: on any number of nodes, whole, or without some steps."""

from hypothesis import strategies as st

from ringcheck.schedule import Schedule
from ringcheck_properties.clusters import TooFewNodesError
from ringcheck_properties.picking import one_of, up_to
from ringcheck_properties.registry import all_examples
from ringcheck_properties.thinning import thinned

NODES = (1, 2, 3, 4, 5)
ONE_IN_SO_MANY_IS_DROPPED = 400
"""Of the steps, so that most scripts are whole and what they expect is judged; shrinking drops them one by one."""


@st.composite
def scripts(draw: st.DrawFn) -> Schedule:
    """Schedules of examples; one that needs more nodes than were drawn gets as many as it needs."""
    # The number first: Hypothesis hardly ever begins twice with the same draw, and there are but so many examples.
    number, example, nodes = draw(up_to(2**31 - 1)), draw(one_of(all_examples())), draw(one_of(NODES))
    try:
        schedule = example.schedule(nodes, number)
    except TooFewNodesError as error:
        schedule = example.schedule(error.needed, number)
    kept = up_to(ONE_IN_SO_MANY_IS_DROPPED)
    dropped = {place for place in range(len(schedule.steps)) if not draw(kept)}
    return thinned(schedule, dropped)
