"""MEM-05: once a change is complete nobody keeps what it does not own; and within the deadline it is complete."""

from collections.abc import Iterator, Sequence

from ringcheck.history import Converged, Diverged, Observation
from ringcheck.judging import words
from ringcheck.judging.convergence import holds_data, keys_of, strangers, too_few_hosts
from ringcheck.judging.run import Run
from ringcheck.judging.settlements import Settlement
from ringcheck.judging.statements import Held, Statement, Unclear
from ringcheck.judging.verdict import Breach
from ringcheck.judging.views import MembershipChange


def judge_leftovers(run: Run) -> Iterator[Statement]:
    """Every Settle after a change that no earlier convergence had seen."""
    if not {"membership", "inspect"} <= set(run.profiles):
        return
    for settlement in run.settlements:
        changes = run.views.unsettled(run.converged_before(settlement.began), settlement.began)
        if not changes:
            continue
        if too_few_hosts(run, settlement):
            yield Unclear("MEM-05", "fewer hosts than copies were left, so that nobody may drop anything")
            continue
        seen = settlement.seen.get("held" if settlement.converged else "diverged")
        if seen is not None:
            yield from _judge(settlement, seen, changes)


def _judge(settlement: Settlement, seen: Observation, changes: Sequence[MembershipChange]) -> Iterator[Statement]:
    after = f"After {', '.join(dict.fromkeys(map(str, changes)))}"
    kept = list(strangers(seen))
    for name, replica, owners in kept:
        yield Breach(
            requirement="MEM-05",
            expected=f"{after} partition {replica.partition} is owned by {words.nodes(owners)}, so {name} keeps "
            "nothing of it.",
            actual=f"At {words.at(seen.time)} {name} held {keys_of(replica)} of it.",
            nodes=(name,),
            time=seen.time,
        )
    match settlement.outcome:
        case Converged(by="inspect") if not kept:
            yield Held("MEM-05", int(holds_data(seen) and any(change.ok for change in changes)))
        case Diverged(healed=healed) if not kept and (unfinished := list(_unfinished(seen))):
            yield Breach(
                requirement="MEM-05",
                expected=f"{after} all nodes ran and all links were open since {words.at(healed)}, so within the "
                "convergence deadline every partition is handed over and every leaver drained.",
                actual=f"At {words.at(seen.time)} {'; '.join(unfinished)}.",
                time=seen.time,
            )


def _unfinished(seen: Observation) -> Iterator[str]:
    for name, node in seen.nodes.items():
        if node.unconfirmed_partitions:
            some = ", ".join(map(str, node.unconfirmed_partitions))
            yield f"{name} had not confirmed partitions {some}"
        if node.draining:
            yield f"{name} saw {words.nodes(node.draining)} leaving and not drained"
