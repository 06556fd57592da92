"""RR-01: a Get that met a stale replica repairs it, where nothing else can."""

from collections.abc import Iterator

from ringcheck.history import Observation
from ringcheck.judging import words
from ringcheck.judging.convergence import entry_state, owners_of
from ringcheck.judging.operations import Operation
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Held, Statement, Unclear
from ringcheck.judging.verdict import Breach


def judge_repair(run: Run) -> Iterator[Statement]:
    """Every stale home replica that was seen, and whose key was read by all homes before the next look at it."""
    for number, first in enumerate(run.observations):
        for key in _stale(first):
            later = next((each for each in run.observations[number + 1 :] if _settles(each, key)), None)
            if later is not None:
                yield from _judge(run, key, first, later)


def _judge(run: Run, key: str, first: Observation, later: Observation) -> Iterator[Statement]:
    span_ms = (later.time - first.began) * 1000
    waits = (run.configuration.anti_entropy_interval_ms, run.configuration.handoff_interval_ms)
    if min(waits) <= span_ms:
        return
    between = [each for each in run.keys[key].operations.values() if first.time <= each.start <= later.began]
    gets = [each for each in between if each.ok and each.kind == "get" and each.stop <= later.began]
    asked_all = [get for get in gets if get.quorum == run.n]
    if not gets or any(each.is_write for each in between):
        return
    if not run.timeline.calm(first.began, later.time) or run.views.unsettled(first.began, later.time):
        yield Unclear("RR-01", "the stale replica may not have been met: a fault was in force, or a view changed")
    elif _stood_in(first, later):
        yield Unclear("RR-01", "the stale replica may not have been met: a stand-in answered")
    elif not _states_differ(later, key):
        yield Held("RR-01")
    elif not asked_all:
        yield Unclear("RR-01", "the stale replica may not have been met: no Get asked all homes")
    else:
        yield _breach(key, asked_all[0], later)


def _stale(seen: Observation) -> Iterator[str]:
    return (key for key in seen.partitions if _states_differ(seen, key))


def _states_differ(seen: Observation, key: str) -> bool:
    owners = owners_of(seen, seen.partitions.get(key, -1))
    return len({entry_state(seen, owner, key) for owner in owners}) > 1


def _settles(seen: Observation, key: str) -> bool:
    """Whether it found the replicas of `key` equal, or waited for equality in vain; of whichever key it asked."""
    return not _states_differ(seen, key) or (seen.condition == "equal" and not seen.met)


def _stood_in(first: Observation, later: Observation) -> bool:
    """Whether a stand-in's reply was counted, or a node is not the one that it was."""
    for name, node in first.nodes.items():
        after = later.nodes.get(name)
        if after is None or after.incarnation != node.incarnation or not (node.counters and after.counters):
            return True
        if after.counters.fallback_reads > node.counters.fallback_reads:
            return True
    return False


def _breach(key: str, get: Operation, later: Observation) -> Breach:
    owners = owners_of(later, later.partitions.get(key, -1))
    return Breach(
        requirement="RR-01",
        expected=f"{words.named(get)} asked all homes of {words.value(key)}, and one was stale, so it is repaired.",
        actual=f"At {words.at(later.time)} {words.nodes(owners)} still hold different states of it.",
        key=key,
        operations=(get.id,),
        nodes=owners,
        time=later.time,
    )
