"""RNG-03: how many partitions each member is first owner of, compared with its share by weight."""

from collections import Counter
from collections.abc import Iterator

from ringcheck.history import NodeSeen
from ringcheck.judging import words
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Held, Statement
from ringcheck.judging.verdict import Breach


def judge_shares(run: Run) -> Iterator[Statement]:
    """Every ring that was seen: the ring is a function of the members, so it is never in between."""
    if "ring" not in run.profiles:
        return
    told: set[Breach] = set()
    for seen in run.observations:
        for name, node in seen.nodes.items():
            if not _judged(run, node):
                continue
            breaches = [breach for breach in _breaches(name, node) if breach not in told]
            told.update(breaches)
            yield from breaches
            yield Held("RNG-03", int(not breaches))


def _judged(run: Run, node: NodeSeen) -> bool:
    """Whether there is a whole ring on hosts enough; the contract leaves open what it is like on too few."""
    return bool(node.owners) and len({node.hosts.get(each, each) for each in node.members}) >= run.n


def _breaches(name: str, node: NodeSeen) -> Iterator[Breach]:
    """What does not change from look to look is told without the time of the look."""
    partitions = len(node.owners)
    weights = {member: node.weights.get(member, 1) for member in node.members}
    total = sum(weights.values())
    first = Counter(owners[0] for owners in node.owners.values() if owners)
    for member, weight in weights.items():
        least, most = partitions * weight // total, -(-partitions * weight // total)
        if least <= first[member] <= most:
            continue
        yield Breach(
            requirement="RNG-03",
            expected=f"{member} has weight {weight} of {total}, so it is first owner of "
            f"{least if least == most else f'{least} or {most}'} of {partitions} partitions.",
            actual=f"{name} says that it is first owner of {words.times(first[member], 'partition')}.",
            nodes=(name,) if name == member else (name, member),
        )
