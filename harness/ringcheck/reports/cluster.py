"""What an operator reads of a running cluster: plain text, made of what `ringcheck.operating` found."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from ringcheck.judging import words
from ringcheck.operating.changes import ChangeReport
from ringcheck.operating.hints import HintsReport
from ringcheck.operating.ring import KeyReport, RingReport
from ringcheck.operating.status import COUNTERS, NodeStatus, StatusReport
from ringcheck.operating.trees import Difference, Tree, TreesReport
from ringcheck.operating.values import ValueReport, WriteReport
from ringcheck.reports.columns import print_rows
from ringcheck.reports.printable import printable

DIGITS = 8
"""So much of a digest tells two of them apart for a reader's eye; `--json` has all of it."""

NO_KEYS = "0" * 64


def print_status(console: Console, report: StatusReport) -> None:
    """A row a node, then its counters, then whether all agree."""
    titles = ("node", "address", "health", "implementation", "view", "members", "to confirm", "draining", "remarks")
    rows = [_status_row(each) for each in report.nodes]
    print_rows(console, *_without_empty(titles, rows))
    seen = [(each.node, each.inside.counters) for each in report.nodes if each.inside]
    if seen:
        console.print()
        rows = [
            [name.replace("_", " "), *(_count(counters[name].count, counters[name].bytes) for _, counters in seen)]
            for name in COUNTERS
        ]
        print_rows(console, ("since its start", *(node for node, _ in seen)), rows)
    _say(console, _agreement(report))


def print_ring(console: Console, report: RingReport) -> None:
    """The members with their shares, then the owners of every partition, then who sees it otherwise."""
    members = [
        [each.node, each.host, str(each.weight), f"{each.share_asked:g}", str(each.share), str(each.copies)]
        for each in report.members
    ]
    titles = ("member", "host", "weight", "share asked for", "got as first owner", "copies in all")
    print_rows(console, titles, members)
    console.print()
    owners = [[str(each.partition), ", ".join(each.owners)] for each in report.partitions]
    print_rows(console, ("partition", "owners"), owners)
    if report.others:
        _say(console, f"This is {report.node}'s view; {_all(report.others)} see another one just now.")
    elif report.same:
        _say(console, f"{_all((report.node, *report.same))} see this ring (view {_short(report.view_digest)}).")
    else:
        _say(console, f"{report.node} sees this ring (view {_short(report.view_digest)}).")
    _print_missed(console, report.missed)


def print_key(console: Console, report: KeyReport) -> None:
    """The nodes that hold a key, and those that stand in, in order."""
    _say(console, f"{words.value(report.key)} lies in partition {report.partition}, by {report.node}:", space=False)
    rows = [
        [str(place), node, "home" if place <= report.n else "stands in"]
        for place, node in enumerate(report.preference_list, start=1)
    ]
    print_rows(console, ("place", "node", "as"), rows)


def print_value(console: Console, report: ValueReport) -> None:
    """A row a sibling, then the context."""
    many = words.times(len(report.values), "value") if report.values else "no value"
    _say(console, f"{words.value(report.key)} has {many}, by {report.node}{':' if report.values else '.'}", space=False)
    if report.values:
        print_rows(console, ("value",), [[each] for each in report.values])
    _say(console, f"context {report.context or 'empty'}", whole=True)


def print_written(console: Console, report: WriteReport) -> None:
    """Who acknowledged it, and the context of what was put."""
    _say(console, f"{report.node} has acknowledged it.", space=False)
    if report.context:
        _say(console, f"context {report.context}", space=False, whole=True)


def print_hints(console: Console, report: HintsReport) -> None:
    """A row a hint."""
    if report.hints:
        rows = [[each.target, each.holder, _siblings(each.siblings), each.key] for each in report.hints]
        print_rows(console, ("kept for", "by", "siblings", "key"), rows)
    many = words.times(len(report.hints), "hint") if report.hints else "No hint"
    _say(console, f"{many} at {_all(report.looked_at)}.", space=bool(report.hints))
    _print_missed(console, report.missed)


def print_trees(console: Console, report: TreesReport) -> None:
    """A row a partition, then the keys that differ if they were asked for, then what it comes to."""
    rows = [[str(tree.partition), tree.verdict, *_roots(tree)] for tree in report.trees]
    who = "owners" if report.owners_known else "kept by"
    print_rows(console, *_without_empty(("partition", "trees", who, "kept besides by", "roots"), rows))
    if report.differences:
        console.print()
        differing = [[str(each.partition), each.key, _copies(each)] for each in report.differences]
        print_rows(console, ("partition", "key", "copies"), differing)
    _say(console, _harmony(report))
    _print_missed(console, report.missed)


def conclusion(report: ChangeReport, seconds: float) -> str:
    """What has become of a change, in one sentence."""
    node, through = report.node, report.through
    if report.settled is False:
        return f"{_accepted(report)}, but after {seconds:.1f} s not carried out: {'; '.join(report.waiting_for)}."
    if report.already and report.change == "leave":
        return f"{node} had left and was drained, or was removed, before; nothing was changed (asked {through})."
    if report.settled:
        done = {
            "join": f"{node} has joined: every member knows it, and every partition has been handed over",
            "leave": f"{node} has left and is drained: every partition has been handed over, and it may be stopped",
            "remove": f"{node} is removed: every member knows it, and every partition has been taken over",
        }
        return f"{done[report.change]} ({seconds:.1f} s)."
    if report.already:
        what = "was removed before" if report.change == "remove" else "is a member already"
        return f"{node} {what}; nothing was changed (asked {through})."
    follows = {
        "join": "partitions are handed over to it from now on",
        "leave": "stop it only when `ringcheck cluster status` no longer says that it is draining",
        "remove": f"it never comes back under the id {node}",
    }
    return f"{_accepted(report)}; {follows[report.change]} (asked {through})."


def _accepted(report: ChangeReport) -> str:
    verb = {"join": "joins", "leave": "leaves", "remove": "is removed"}[report.change]
    return f"{report.node} {verb}: the change is durable and spreads"


def _status_row(status: NodeStatus) -> list[str]:
    inside = status.inside
    health = status.health if status.reachable else "unreachable"
    row = [status.node, status.address, health, f"{status.implementation} {status.version}".strip()]
    outside = "no member by its own view, a member by others'" if status.listed else "not a member"
    remarks = "; ".join(filter(None, (outside if status.member is False else "", status.trouble)))
    if inside is None:
        return [*row, "", "", "", "", remarks]
    return [
        *row,
        _short(inside.view_digest),
        str(len(inside.members)),
        _numbers(inside.unconfirmed_partitions),
        ", ".join(inside.draining),
        remarks,
    ]


def _agreement(report: StatusReport) -> str:
    lost = [each.node for each in report.nodes if not each.reachable and each.member is not False]
    reached = f"{report.reached} of {words.times(len(report.nodes), 'node')} reached"
    unconfirmed = sum(len(each.inside.unconfirmed_partitions) for each in report.nodes if each.inside)
    draining = sorted({node for each in report.nodes if each.inside for node in each.inside.draining})
    parts = [
        reached,
        f"{_all(lost)} not" if lost else "",
        {True: "views agree", False: "views differ", None: ""}[report.agree],
        f"{words.times(unconfirmed, 'partition')} under way" if unconfirmed else "",
        f"{_all(draining)} draining" if draining else "",
    ]
    return f"{'; '.join(filter(None, parts))}."


def _harmony(report: TreesReport) -> str:
    differ = [tree for tree in report.trees if tree.verdict == "differ"]
    unknown = sum(tree.verdict == "unknown" for tree in report.trees)
    if differ:
        keys = "" if report.differences is None else f", by {words.times(len(report.differences), 'key')}"
        hint = "" if report.differences is not None else "; --diff names the keys"
        said = f"The owners of {len(differ)} of {words.times(len(report.trees), 'partition')} differ{keys}{hint}."
    elif unknown:
        said = f"No difference seen; {words.times(unknown, 'partition')} could not be seen at all owners."
    else:
        said = "All owners of every partition hold the same."
    return said if report.owners_known else f"{said} No node declares ring, so all that keep a partition are compared."


def _roots(tree: Tree) -> tuple[str, str, str]:
    """Owners, others that keep a copy, and the root that all have or else everybody's own."""
    if tree.verdict == "equal" and not tree.besides:
        roots = _root(next(iter(tree.roots.values()), None))
    else:
        everybody = (*tree.owners, *tree.besides)
        roots = ", ".join(f"{node} {_root(tree.roots.get(node))}" for node in everybody)
    return ", ".join(tree.owners), ", ".join(tree.besides), roots


def _root(root: str | None) -> str:
    return "?" if root is None else "no keys" if root == NO_KEYS else _short(root)


def _copies(difference: Difference) -> str:
    return ", ".join(
        f"{node} {'nothing' if copy is None else _siblings(copy.siblings)}" for node, copy in difference.copies.items()
    )


def _siblings(count: int) -> str:
    return words.times(count, "sibling") if count else "deleted"


def _count(count: int, size: int) -> str:
    return f"{count} ({_size(size)})" if size else str(count)


def _size(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def _numbers(numbers: Sequence[int]) -> str:
    """How many, and which if they are few."""
    if not numbers:
        return ""
    few = ", ".join(map(str, numbers[:6]))
    return f"{few}, … ({len(numbers)})" if len(numbers) > 6 else few


def _without_empty(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """The columns that say anything."""
    kept = [index for index in range(len(titles)) if index == 0 or any(row[index] for row in rows)]
    return [titles[index] for index in kept], [[row[index] for index in kept] for row in rows]


def _short(digest: str) -> str:
    return digest[:DIGITS]


def _all(nodes: Sequence[str]) -> str:
    *most, last = nodes
    return f"{', '.join(most)} and {last}" if most else last


def _print_missed(console: Console, missed: Mapping[str, str]) -> None:
    for node, why in missed.items():
        _say(console, f"Not seen: {node} ({why}).", space=False)


def _say(console: Console, sentence: str, *, space: bool = True, whole: bool = False) -> None:
    """Prose is folded; what is to be copied stays `whole`."""
    if space:
        console.print()
    console.print(Text(printable(sentence), overflow="fold"), soft_wrap=whole)
