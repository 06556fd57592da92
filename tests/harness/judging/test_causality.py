"""What supersedes what: the quick walk finds what the definition says."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ringcheck.judging.causality import Causality, Superseded
from ringcheck.judging.handmade import Handmade
from ringcheck.judging.operations import Operation
from ringcheck.judging.run import Run


def made_up(random: Random) -> Causality:
    """Up to fifteen operations of one key, each with the context of any before it, none or one of another key."""
    tale = Handmade()
    values: list[str] = []
    for number in range(1, random.randint(2, 15)):
        kind, context = random.choice(["get", "put", "put", "delete"]), random.choice([None, *range(1, number)])
        if kind == "get":
            tale.get(*random.sample(values, random.randint(0, len(values))))
        elif kind == "put":
            values.append(f"v{number}")
            tale.put(values[-1], context=context)
        else:
            tale.delete(context)
    return Run.of(tale.history()).keys["k"]


def superseded_by(causality: Causality, write: Operation) -> set[int]:
    """By the definition: all that the operation covers whose context the write was given."""
    context = causality.context_of(write)
    if context is None:
        return set()
    return {each.id for each in causality.operations.values() if context.id in causality.reaching([each])}


@given(st.randoms(use_true_random=False))
def test_walk_finds_what_the_definition_says(random: Random) -> None:
    """One walk for many writes, or many for one after another, mark the union of what each supersedes."""
    causality = made_up(random)
    expected = set[int]().union(*(superseded_by(causality, write) for write in causality.writes))
    together = Superseded(causality).by(causality.writes)
    apart = Superseded(causality)
    for write in causality.writes:
        apart.by([write])
    assert together.ids == apart.ids == expected


@given(st.randoms(use_true_random=False))
def test_walk_finds_the_rest_of_what_is_known(random: Random) -> None:
    """With what some writes supersede known, a walk for the others adds the rest and nothing else."""
    causality = made_up(random)
    some = [write for write in causality.writes if random.random() < 0.5]
    others = [write for write in causality.writes if write not in some]
    known = Superseded(causality).by(some).ids
    rest = Superseded(causality, known).by(others).ids
    assert not known & rest
    assert known | rest == Superseded(causality).by(causality.writes).ids


@given(st.randoms(use_true_random=False))
def test_question_for_one_is_answered_as_for_all(random: Random) -> None:
    """Whether one write supersedes another does not depend on when the walk ends."""
    causality = made_up(random)
    for write in causality.writes:
        everything = superseded_by(causality, write)
        for other in causality.writes:
            assert causality.supersedes(write, other) == (other.id in everything)


@given(st.randoms(use_true_random=False), st.integers(0, 40))
def test_put_of_a_value_is_found_wherever_it_is_looked_for(random: Random, about: int) -> None:
    """Among the writes asked at about that time or not: the Put that was to write the value, None for one of nobody."""
    tale = Handmade()
    for number in range(random.randint(1, 30)):
        tale.put(f"v{number}")
    causality = Run.of(tale.history()).keys["k"]
    for value in (*causality.puts, "phantom"):
        assert causality.put_of(value, tale.now - about * 0.02) is causality.puts.get(value)
