"""Random schedules as Hypothesis strategies, for anything that carries schedules out."""

from hypothesis import strategies as st

from ringcheck.schedule import Configuration, Schedule
from ringcheck_properties.draft import Draft
from ringcheck_properties.moves import MOVES
from ringcheck_properties.swarm import swarms

KEYS = ("a", "b", "c")
LONGEST = 12
"""Moves of a schedule at most."""


@st.composite
def drafts(
    draw: st.DrawFn, configuration: Configuration, *, name: str = "random", seed: int = 0, salt: str = ""
) -> Draft:
    """Empty drafts: which kinds of fault, how many keys, whether different keys may hold equal values."""
    return Draft(
        configuration,
        swarm=draw(swarms(configuration.nodes)),
        keys=KEYS[: draw(st.integers(1, len(KEYS)))],
        twins=draw(st.booleans()),
        name=name,
        seed=seed,
        salt=salt,
    )


@st.composite
def schedules(
    draw: st.DrawFn, configuration: Configuration, *, name: str = "random", seed: int = 0, salt: str = ""
) -> Schedule:
    """Schedules for a cluster of this configuration, drawn whole.

    `salt` goes into the namespace: give different ones to runs that share a cluster.
    """
    draft = draw(drafts(configuration, name=name, seed=seed, salt=salt))
    for _ in range(draw(st.integers(1, LONGEST))):
        move = draw(st.sampled_from([move for move in MOVES if move.offered(draft)]))
        move.tell(draw, draft)
    return draft.finish()
