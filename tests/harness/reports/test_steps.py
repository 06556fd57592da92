"""A schedule in plain words."""

from typing import get_args

import pytest

from ringcheck.reports.steps import tell_configuration, tell_step, tell_steps
from ringcheck.schedule import (
    Await,
    Backup,
    Configuration,
    CrashAfter,
    Delete,
    Disturb,
    Elapse,
    ExpectAnswer,
    ExpectSettled,
    Get,
    Heal,
    Inject,
    Join,
    Kill,
    Leave,
    Observe,
    Put,
    Remove,
    Restart,
    Retire,
    RollBack,
    Schedule,
    Settle,
    Step,
    Wipe,
)
from ringcheck_chaos.faults import DiskErrors, Isolate, Pause

CONFIGURATION = Configuration(detection_deadline_ms=500)
STEPS: list[tuple[Step, str]] = [
    (Get(id=1, client=2, node="n1", key="a"), "Client 2 reads 'a' through n1 (#1), and waits for the answer."),
    (Get(id=1, node="n1", key="a", r=2, wait=False), "Client 0 reads 'a' through n1, R=2 (#1)."),
    (
        Put(id=2, node="n3", key="a", value="v2", w=1, wait=False),
        "Client 0 writes 'v2' to 'a' through n3, W=1, blindly (#2).",
    ),
    (
        Put(id=2, node="n3", key="a", value="v2", value_size=64, context=1, wait=False),
        "Client 0 writes 'v2' (64 bytes) to 'a' through n3, having seen #1 (#2).",
    ),
    (
        Delete(id=3, node="n3", key="a", key_size="over", context="malformed", wait=False),
        "Client 0 deletes 'a' (longer than may be) through n3, with a context that means nothing (#3).",
    ),
    (Await(), "Everybody waits until all operations have ended."),
    (Inject(id=1, fault=Isolate(how="down", node="n2")), "Fault 1 begins: n2 isolated (links down)."),
    (Inject(id=2, fault=Pause("n2")), "Fault 2 begins: n2 paused."),
    (Heal(id=1), "Fault 1 ends: n2 isolated (links down)."),
    (Kill(("n1",)), "n1 is killed."),
    (Kill(("n1", "n2", "n3")), "n1, n2 and n3 are killed."),
    (Restart(("n1", "n2")), "n1 and n2 start again."),
    (Restart(("n1",)), "n1 starts again."),
    (CrashAfter(node="n1", effects=1), "n1 will die after 1 more effect of what it does."),
    (Wipe(("n1",)), "n1 is killed and loses its disk for good."),
    (Backup(("n1", "n2")), "The disks of n1 and n2 are copied."),
    (RollBack(("n1",)), "n1 is killed and gets back the last copy of its disk."),
    (
        Join(node="n4"),
        "n4 starts and joins, asked of the first member that runs, and the operator waits for the answer.",
    ),
    (
        Join(node="n4", weight=2, host="h1", through="n2", wait=False),
        "n4 starts and joins, weight 2, host h1, asked of n2.",
    ),
    (Leave(node="n1", through="n2", wait=False), "n1 is told to leave, asked of n2."),
    (Remove(node="n1", through="n2", wait=False), "n1 is removed, asked of n2."),
    (Retire(("n1",)), "Once drained, n1 is stopped for good."),
    (Retire(("n1", "n2")), "Once drained, n1 and n2 are stopped for good."),
    (Elapse(seconds=2.5), "2.5 s pass."),
    (Elapse(detections=1.5), "1.5 detection deadlines pass, 0.75 s as configured."),
    (Disturb(node="n1", source="n3"), "In the place of n3 the harness talks nonsense to n1."),
    (
        Put(id=3, node="n1", key="a", value="v3", as_peer="n3", wait=False),
        "Client 0 writes 'v3' to 'a' through n1, blindly, as n3 forwards it, several times (#3).",
    ),
    (Observe(), "A look into every node."),
    (Observe(until="hint", node="n2"), "A look into every node, until somebody holds a hint for n2."),
    (Observe(until="differ", key="a"), "A look into every node, until owners of 'a' differ."),
    (Observe(until="copy", node="n2"), "A look into every node, until n2 holds something in its replica."),
    (Settle(), "Everything heals and restarts; the cluster settles, and every key is read at every node."),
    (
        ExpectAnswer(requirement="KV-01", operation=1, values=("v2",)),
        "Expected (KV-01): #1 ended with OK with 'v2'.",
    ),
    (ExpectSettled(requirement="KV-04", key="a", values=()), "Expected (KV-04): 'a' holds nothing."),
]


@pytest.mark.parametrize(("step", "sentence"), STEPS)
def test_a_step_is_a_sentence(step: Step, sentence: str) -> None:
    """Who does what, where, and what it knew."""
    assert tell_step(step, CONFIGURATION, {1: "n2 isolated (links down)"}) == sentence


def test_every_kind_of_step_has_its_sentence() -> None:
    """A new one cannot be forgotten here."""
    assert {type(step) for step, _ in STEPS} == set(get_args(Step))


def test_steps_are_numbered_in_a_column_and_faults_end_as_what_they_were() -> None:
    """Ten steps line up."""
    fault = DiskErrors(node="n1", every=2)
    steps: tuple[Step, ...] = (Inject(id=7, fault=fault), *[Await()] * 8, Heal(id=7))
    told = list(tell_steps(Schedule(name="s", namespace="n", steps=steps)))
    assert told[0] == " 1. Fault 7 begins: one write in 2 to the disk of n1 fails."
    assert told[-1] == "10. Fault 7 ends: one write in 2 to the disk of n1 fails."


def test_a_cluster_is_told_in_a_few_lines() -> None:
    """What is usual about it is left out."""
    usual = "\n".join(tell_configuration(Configuration(nodes=1, n=1, r=1, w=1)))
    assert usual.startswith("1 node, N=1 R=1 W=1, 16 partitions\ngossip every 200 ms")
    uneven = Configuration(nodes=3, weights=(1, 2, 3), hosts=("h1", "h2", "h2"), n=2)
    assert list(tell_configuration(uneven))[1] == "weights 1, 2, 3; hosts h1, h2, h2"
