"""The check for well-formed schedules finds each flaw."""

import pytest

from ringcheck.schedule import (
    Configuration,
    Delete,
    ExpectAnswer,
    ExpectSettled,
    Get,
    Heal,
    Inject,
    Kill,
    Observe,
    Put,
    Schedule,
    Settle,
    Step,
)
from ringcheck_chaos.faults import Isolate, LinkFault
from ringcheck_properties.flaws import flaws

PUT = Put(id=1, node="n1", key="k", value="v1")
DOWN = Inject(id=1, fault=Isolate(how="down", node="n1"))


def schedule(*steps: Step, requirements: tuple[str, ...] = ()) -> Schedule:
    """A schedule of three nodes."""
    return Schedule(
        name="test", namespace="test", configuration=Configuration(nodes=3), requirements=requirements, steps=steps
    )


def test_a_well_formed_schedule_has_none() -> None:
    """What is as it should be is not complained of."""
    read = Get(id=2, node="n2", key="k")
    good: list[Step] = [
        PUT,
        read,
        DOWN,
        Put(id=3, node="n1", key="k", value="v3", context=2),
        Heal(id=1),
        Kill(("n2",)),
        Settle(),
    ]
    expected: list[Step] = [
        ExpectAnswer(requirement="KV-02", operation=2),
        ExpectSettled(requirement="KV-02", key="k", values=()),
    ]
    assert flaws(schedule(*good, *expected, requirements=("KV-02",))) == []


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ((PUT, Get(id=1, node="n1", key="k")), "stands twice"),
        ((Get(id=1, node="n9", key="k"),), "no node"),
        ((Put(id=1, node="n1", key="k", value="v", context=2), Get(id=2, node="n1", key="k")), "gives none before it"),
        (
            (PUT, Delete(id=2, node="n1", key="k", context=1), Delete(id=3, node="n1", key="k", context=2)),
            "gives none before it",
        ),
        ((PUT, Put(id=2, node="n1", key="other", value="v2", context=1)), "another key"),
        ((PUT, Put(id=2, node="n1", key="k", value="v1")), "again"),
        ((PUT, Get(id=2, node="n1", key="k", key_size=9)), "another size"),
        ((DOWN, DOWN, Settle()), "stands twice"),
        ((DOWN,), "ends with faults [1]"),
        ((Heal(id=1),), "healed before it began"),
        ((Kill(("n2",)),), "['n2'] down"),
        ((Kill(("n9",)), Settle()), "not nodes of the cluster"),
        ((Inject(id=1, fault=LinkFault(how="down", source="n1", target="n9")), Settle()), "no nodes"),
        ((ExpectAnswer(requirement="KV-02", operation=1),), "never begins"),
        ((PUT, ExpectSettled(requirement="KV-02", key="k", values=())), "before any settle"),
        ((PUT, Settle(), ExpectSettled(requirement="KV-02", key="k", values=("x",))), "nobody wrote"),
        ((Settle(), ExpectSettled(requirement="KV-02", key="k", values=())), "nobody wrote"),
        ((PUT, Observe(key="other")), "observed"),
        ((PUT, ExpectAnswer(requirement="KV-09", operation=1)), "does not say that it is about them"),
    ],
)
def test_each_flaw_is_found(steps: tuple[Step, ...], complaint: str) -> None:
    """Each way to be malformed is told in a sentence of its own."""
    found = flaws(schedule(*steps, requirements=("KV-02",)))
    assert len(found) == 1
    assert complaint in found[0]


def test_contexts_of_other_keys_are_for_kv_10_alone() -> None:
    """The requirement that is about contexts of other keys may use them."""
    steps = (PUT, Put(id=2, node="n1", key="other", value="v2", context=1))
    assert flaws(schedule(*steps, requirements=("KV-10",))) == []
