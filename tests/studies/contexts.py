"""A study of contexts: what one key's context grows to over thousands of restarts, and what a rest leaves of it.

    python -m tests.studies.contexts
    python -m tests.studies.contexts --out docs

A key is read and written again and again, each time through a coordinator that has just been started: so each version
is of an actor of its own, which is the worst there can be. Prints the tables of `docs/causality.md`; with --out it
renews them there. One seed is one study, to the letter, on every machine.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from ringcheck_reference.core.encoding import decode_context
from ringcheck_reference.core.rest import MARGIN, SPARE_DOTS

from .driving import Driven
from .pages import renew, table

KEY = b"key"
MARKS = (1, 10, 100, 1_000)
ALONE = 5_000
"""So many restarts has a node that keeps the key alone, where each costs less to simulate."""
LIFETIME_S = 30.0
"""Of tombstones, where they are reaped."""
RESTED = 500
"""So many restarts has a chain that rests now and then."""
RESTS_EVERY = (500, 100, 10)
IN_TOUCH_S = 5.0
"""More than it takes until everybody has heard of everybody. Who disagrees is asked again an eighth of a rest later."""
TAKEN_S = 0.3
"""What a node that is stopped has to be away until the others go on without it."""


class Chain:
    """Read-modify-write of one key, each write by a coordinator that was never one before."""

    def __init__(self, *, seed: int, lifetime_s: float) -> None:
        self.store = Driven(seed=seed, lifetime_ms=round(lifetime_s * 1000))
        self.restarts = 0
        self._rest_s = MARGIN * lifetime_s * 9 / 8 + IN_TOUCH_S

    def go_on(self) -> None:
        """One restart more, and one write; coordinators change."""
        first, second, _ = self.store.homes
        self.restarts += 1
        self.store.stop(first)
        if self.restarts % 2:
            self.store.start(first)
            self._write(first)
        else:
            self.store.stop(second)
            self.store.start(second)
            self.store.pass_time(TAKEN_S)
            self._write(second)
            self.store.start(first)
        self.store.pass_time(TAKEN_S)

    def rest(self) -> None:
        """Nothing is written, and nobody is away."""
        self.store.pass_time(self._rest_s)

    def size(self) -> tuple[int, int]:
        """(entries, bytes) of the context that a client is given. There is one version at every moment."""
        answer = self.store.get(self.store.homes[2])
        assert answer.values == (b"%d" % self.restarts,), "a chain of reads and writes has no siblings"
        context = decode_context(KEY, answer.context)
        return len(context.vector) + len(context.loose), len(answer.context)

    def _write(self, node: str) -> None:
        context = self.store.get(node).context if self.restarts > 1 else b""
        self.store.put(node, b"%d" % self.restarts, context)


def growth(seed: int, marks: Sequence[int], lifetime_s: float) -> Iterator[tuple[int, int, int]]:
    """(restarts, entries, bytes) at each of the marks."""
    chain = Chain(seed=seed, lifetime_s=lifetime_s)
    for mark in marks:
        while chain.restarts < mark:
            chain.go_on()
        yield (mark, *chain.size())
        click.echo(f"{mark:,} restarts …", err=True)


def alone(seed: int, restarts: int) -> tuple[int, int]:
    """(entries, bytes) after so many restarts of one node, and a write after each with the context of the last."""
    store = Driven(seed=seed, lifetime_ms=0, nodes=1)
    context = b""
    for number in range(restarts):
        store.stop("n1")
        store.cluster.start("n1")
        context = store.put("n1", b"%d" % number, context)
    answer = store.get("n1")
    assert answer.values == (b"%d" % (restarts - 1),), "a chain of writes has no siblings"
    covered = decode_context(KEY, answer.context)
    return len(covered.vector) + len(covered.loose), len(answer.context)


def largest(seed: int, restarts: int, every: int) -> tuple[int, int]:
    """(most bytes, bytes after the last rest) of a chain that rests once in so many restarts."""
    chain = Chain(seed=seed, lifetime_s=LIFETIME_S)
    most = after = 0
    while chain.restarts < restarts:
        for _ in range(every):
            chain.go_on()
        most = max(most, chain.size()[1])
        chain.rest()
        after = chain.size()[1]
    return most, after


def tables(seed: int, marks: Sequence[int], most_alone: int, rests_every: Sequence[int]) -> Iterator[tuple[str, str]]:
    """Name and text of each table, as soon as it is known."""
    rows, before = [], (0, 0)
    measured = [("3, two take turns", *each) for each in growth(seed, marks, 0.0)]
    measured.append(("1", most_alone, *alone(seed, most_alone)))
    for nodes, restarts, entries, size in measured:
        each = (size - before[1]) / (restarts - before[0]) if restarts > before[0] > 0 else 0.0
        rows.append([nodes, f"{restarts:,}", f"{entries:,}", f"{size:,}", f"{each:.1f}" if each else ""])
        before = restarts, size
    yield "growth", table(["nodes", "restarts", "entries", "bytes", "bytes for each restart since"], rows)
    rows = []
    for every in rests_every:
        restarts = min(marks[-1], RESTED)
        most, after = largest(seed, restarts, every)
        rows.append([f"once in {every:,}", f"{restarts:,}", f"{most:,}", f"{after:,}"])
    yield "rests", table(["rests", "restarts", "most bytes", "bytes after a rest"], rows)


@click.command()
@click.option("--seed", default=1, show_default=True, help="All chance comes from it.")
@click.option("--restarts", default=MARKS[-1], show_default=True, help="How many at most, of three nodes.")
@click.option("--alone", "most_alone", default=ALONE, show_default=True, help="How many of a node alone.")
@click.option("--out", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Renew the page there.")
def main(*, seed: int, restarts: int, most_alone: int, out: Path | None) -> None:
    """Measure what contexts grow to."""
    marks = [mark for mark in MARKS if mark < restarts] + [restarts]
    click.echo(f"seed {seed}; lifetime {LIFETIME_S:g} s; a context is cut down from {SPARE_DOTS} spare entries\n")
    page = out / "causality.md" if out else None
    for name, text in tables(seed, marks, most_alone, [every for every in RESTS_EVERY if every <= restarts]):
        click.echo(f"{name}\n\n{text}")
        if page is not None:
            page.write_text(renew(page.read_text(encoding="utf-8"), {name: text}), encoding="utf-8")


if __name__ == "__main__":
    main()
