"""The scripted examples as schedules for a simulated world: on any number of nodes."""

from functools import cache

from hypothesis import strategies as st

from ringcheck.schedule import Schedule
from ringcheck_properties.clusters import TooFewNodesError
from ringcheck_properties.picking import pick, up_to
from ringcheck_properties.registry import Example, all_examples

NODES = (1, 2, 3, 4, 5)


@st.composite
def scripts(draw: st.DrawFn, place: int, *, changing: bool = False) -> Schedule:
    """Schedules of an example; one that needs more nodes than were drawn gets as many as it needs.

    The example is the one at this `place`, counted round and round: whoever tries one place after another has tried
    all sooner than by chance.

    Those in which nodes join or leave are among them where `changing` says that a target is up to that. Those in which
    the harness plays a peer are not: messages suffer in other schedules too.
    """
    # The number first: Hypothesis hardly ever begins twice with the same draw, and there are but so many sizes.
    number, nodes, examples = draw(up_to(2**31 - 1)), pick(draw, NODES), _examples(changing=changing)
    return _on_enough(examples[place % len(examples)], nodes, number)


@cache
def _examples(*, changing: bool) -> tuple[Example, ...]:
    return tuple(
        each for each in all_examples() if (changing or not each.changes_membership) and not each.talks_as_peer
    )


def _on_enough(example: Example, nodes: int, number: int) -> Schedule:
    """Its schedule on so many nodes, or on as many as it needs: one shortage may hide another."""
    try:
        return example.schedule(nodes, number)
    except TooFewNodesError as error:
        return _on_enough(example, error.needed, number)
