"""MEM-01 and MEM-04: a change that was answered OK reaches every node, and a removed id is in no view again."""

from collections.abc import Iterator

from ringcheck.history import Observation
from ringcheck.judging import words
from ringcheck.judging.run import Run
from ringcheck.judging.settlements import Settlement
from ringcheck.judging.statements import Held, Statement, Unclear
from ringcheck.judging.verdict import Breach
from ringcheck.judging.views import MembershipChange


def judge_spreading(run: Run) -> Iterator[Statement]:
    """Every change that was answered OK, at every Settle that began later; a removed id at every look."""
    if "membership" not in run.profiles:
        return
    changes = [change for change in run.views.changes if change.ok]
    for settlement in run.settlements:
        seen = settlement.seen.get("held" if settlement.converged else "diverged")
        if seen is not None:
            for change in (each for each in changes if each.stop <= settlement.began):
                yield from _reached(run, change, settlement, seen)
    for change in changes:
        if change.kind == "remove":
            yield from _stays_away(run, change)


def _reached(run: Run, change: MembershipChange, settlement: Settlement, seen: Observation) -> Iterator[Statement]:
    """MEM-01, and MEM-04 where all views hold a removed id, as if nobody had ever heard."""
    told = run.views.told(seen)
    views = {name: node.members for name, node in seen.nodes.items() if node.members and name in told}
    if not views or (change.kind == "join" and _gone_again(run, change)):
        return
    if not _is_kept(run, change, settlement.began):
        lost = words.nodes(run.disks.destroyed(change.start, settlement.ended))
        yield Unclear("MEM-01", f"{lost} lost their disks, on which every copy of {change} may have been")
        return
    wrong = tuple(name for name, members in views.items() if (change.node in members) != (change.kind == "join"))
    if not wrong:
        yield Held("MEM-01")
        return
    nowhere = len(wrong) == len(views)
    effect = "a member" if change.kind == "join" else "no member"
    yield Breach(
        requirement="MEM-04" if nowhere and change.kind == "remove" else "MEM-01",
        expected=f"{str(change).capitalize()} was answered OK at {words.at(change.stop)}, so once the cluster has "
        f"healed {change.node} is {effect} in every view.",
        actual=f"At {words.at(seen.time)} it was not in {'any' if nowhere else f'the view of {words.nodes(wrong)}'}.",
        nodes=wrong,
        time=seen.time,
    )


def _stays_away(run: Run, change: MembershipChange) -> Iterator[Statement]:
    """MEM-04. Whoever has been seen without the removed id never shows it again, unless its disk was destroyed."""
    without: dict[str, float] = {}
    stayed = False
    for seen in (each for each in run.observations if each.began >= change.start):
        told = run.views.told(seen)
        for name, node in seen.nodes.items():
            if not node.members or name not in told:
                continue
            if change.node not in node.members:
                stayed = stayed or name in without
                without[name] = seen.time
            elif name in without and name not in run.disks.destroyed(without[name], seen.time):
                yield Breach(
                    requirement="MEM-04",
                    expected=f"{change.node} was removed, and {name} knew at {words.at(without[name])}, so it is in no "
                    "view of it again.",
                    actual=f"At {words.at(seen.time)} {name} showed it as a member.",
                    nodes=(name, change.node),
                    time=seen.time,
                )
                return
    yield Held("MEM-04", int(stayed))


def _gone_again(run: Run, change: MembershipChange) -> bool:
    """Whether somebody who joined may have left or been removed, before or after."""
    return any(each.node == change.node and each.kind != "join" for each in run.views.effective)


def _is_kept(run: Run, change: MembershipChange, until: float) -> bool:
    """Whether a change that was answered OK is left on some disk for certain; one that is removed never held it.

    What an earlier convergence showed everybody holds.
    """
    settled = run.views.settled_at(change)
    if settled <= until:
        copies = len(run.views.certain(settled, settled))
    else:
        settled, copies = change.start, min(run.configuration.w, len(run.views.certain(change.start, change.start)))
    return len({*run.disks.destroyed(settled, until)} - {change.node}) < copies
