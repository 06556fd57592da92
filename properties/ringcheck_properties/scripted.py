"""The scripted examples as schedules for a simulated world: on any number of nodes, whole, or without some steps."""

import msgspec
from hypothesis import strategies as st

from ringcheck.schedule import Schedule, Settle
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
    return _without(schedule, dropped) if dropped else schedule


def _without(schedule: Schedule, dropped: set[int]) -> Schedule:
    """The schedule without these steps. A script that does not settle has slow repair for a reason, and goes on so."""
    thin = thinned(schedule, dropped)
    if any(isinstance(step, Settle) for step in schedule.steps):
        return thin
    return msgspec.structs.replace(thin, steps=tuple(step for step in thin.steps if not isinstance(step, Settle)))
