"""RNG-01 and RNG-02: preference lists, and whether all nodes agree on them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ringcheck.history import NodeSeen, Observation
from ringcheck.judging import words
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Held, Statement
from ringcheck.judging.verdict import Breach

AGREED: Mapping[str, Callable[[NodeSeen], Any]] = {
    "the digest of the view": lambda node: node.view_digest,
    "the members": lambda node: node.members,
    "the owners of the partitions": lambda node: node.owners,
    "the preference lists": lambda node: node.preference_lists,
}
"""What all nodes must say alike, and where it stands."""


def judge_placement(run: Run) -> Iterator[Statement]:
    """Every observation for RNG-01; for RNG-02 those of the start and of the end of a Settle."""
    if "ring" not in run.profiles:
        return
    told: set[Breach] = set()
    for seen in run.observations:
        yield from _lists(run, seen, told)
        yield from _tables(run, seen, told)
        if seen.why != "observe":
            yield from _agreement(run, seen)


def _lists(run: Run, seen: Observation, told: set[Breach]) -> Iterator[Statement]:
    """RNG-01. A list that is wrong is wrong in every observation; it is told once."""
    right = 0
    for name, node in seen.nodes.items():
        for key, preference in node.preference_lists.items():
            partition = seen.partitions.get(key)
            owners = node.owners.get(partition, ()) if partition is not None else ()
            fault = _fault(run, node, preference, owners)
            if not fault:
                right += 1
                continue
            breach = Breach(
                requirement="RNG-01",
                expected=f"The preference list of {words.value(key)} names every member once, first {run.n} on as many "
                "hosts, which are the owners of its partition.",
                actual=f"{name} says {' '.join(preference) or 'nothing'}: {fault}.",
                key=key,
                nodes=(name,),
            )
            if breach not in told:
                told.add(breach)
                yield breach
    yield Held("RNG-01", right)


def _tables(run: Run, seen: Observation, told: set[Breach]) -> Iterator[Statement]:
    """RNG-01, of the partitions that no key of the schedule is in, too: every list begins with the owners.

    Of each node's table the first wrong partition is told. That a table is right is no event: it tells of no fallbacks.
    """
    for name, node in seen.nodes.items():
        copies = _copies(run, node)
        fault = next(_wrong_owners(node, copies), None)
        if fault is None:
            continue
        partition, what = fault
        breach = Breach(
            requirement="RNG-01",
            expected=f"Every partition has {words.times(copies, 'owner')}, members each on a host of its own.",
            actual=f"{name} says of partition {partition} {' '.join(node.owners[partition]) or 'nobody'}: {what}.",
            nodes=(name,),
        )
        if breach not in told:
            told.add(breach)
            yield breach


def _wrong_owners(node: NodeSeen, copies: int) -> Iterator[tuple[int, str]]:
    """The partitions whose owners are not as many members on as many hosts, and why not."""
    members, host_of = frozenset(node.members), node.hosts.get
    for partition, owners in node.owners.items():
        if not members.issuperset(owners):
            yield partition, f"the members are {' '.join(node.members)}"
            continue
        hosts = len({host_of(each, each) for each in owners})
        if len(owners) != copies:
            yield partition, f"that is {words.times(len(owners), 'owner')}"
        elif hosts != copies:
            yield partition, f"they are on {words.times(hosts, 'host')}"


def _copies(run: Run, node: NodeSeen) -> int:
    """So many owners a partition has: N, unless the members' hosts are too few."""
    return min(run.n, len({node.hosts.get(member, member) for member in node.members}))


def _fault(run: Run, node: NodeSeen, preference: tuple[str, ...], owners: tuple[str, ...]) -> str:
    hosts = [node.hosts.get(each, each) for each in preference]
    copies = _copies(run, node)
    if len(set(preference)) != len(preference):
        return "somebody stands there twice"
    if set(preference) != set(node.members):
        return f"the members are {' '.join(node.members)}"
    if len(set(hosts[:copies])) < copies:
        return f"the first {copies} are on {words.times(len(set(hosts[:copies])), 'host')}"
    if preference[: len(owners)] != owners or len(owners) != copies:
        return f"the owners of its partition are {' '.join(owners) or 'nobody'}"
    return ""


def _agreement(run: Run, seen: Observation) -> Iterator[Statement]:
    """RNG-02. Nodes that have just started may still be learning, so the start can only confirm."""
    told = run.views.told(seen)
    asked = {name: node for name, node in seen.nodes.items() if name in told}
    if len(asked) < 2:
        return
    for what, said in AGREED.items():
        groups: list[tuple[Any, list[str]]] = []
        for name, node in asked.items():
            for answer, nodes in groups:
                if answer == said(node):
                    nodes.append(name)
                    break
            else:
                groups.append((said(node), [name]))
        if len(groups) > 1:
            if seen.why != "start":
                yield _different(seen, what, [nodes for _, nodes in groups])
            return
    yield Held("RNG-02")


def _different(seen: Observation, what: str, groups: list[list[str]]) -> Breach:
    return Breach(
        requirement="RNG-02",
        expected=f"All nodes run and all links are open for the convergence deadline, so all nodes agree on {what}.",
        actual=f"At {words.at(seen.time)} they did not: {' | '.join(words.nodes(nodes) for nodes in groups)}.",
        nodes=tuple(nodes[0] for nodes in groups),
        time=seen.time,
    )
