"""A study of placement: figure 8 of Dynamo's paper again, beside it our ring, and what a change of members moves.

    python -m tests.studies.placement
    python -m tests.studies.placement --out docs

Prints the tables of `docs/placement.md` one after another. With --out it renews them in that folder's `placement.md`,
and draws `placement.svg` beside it. One seed is one study, to the letter, on every machine.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import click

from . import figure8
from .drawing import Chart, Series, draw
from .figure8 import OURS, PUBLISHED, READINGS, SIZES, STRATEGIES, Curve, Draw, draws_at, measure, ring_draws_at
from .moving import CROWDED_N, KINDS, Move, draw_crowded_moves, draw_moves
from .pages import renew, table

PARTITION_COUNTS = (64, 128, 256, 512, 1024, 2048, 4096)
"""For our ring beside SIZES: powers of two, which no share of 30 nodes divides."""
MOVED_COUNTS = (16, 64, 256)
CROWDED_COUNTS = (64, 256, 1024)
MIXED_SIZES = (240, 960, 3840)


class Study:
    """What is drawn, and how often; `largest` leaves out what is more to know."""

    def __init__(self, *, seed: int, draws: int, changes: int, largest: int) -> None:
        self.sizes = [x for x in SIZES if x <= largest]
        self.partition_counts = [q for q in PARTITION_COUNTS if q <= largest]
        self._seed, self._draws, self._changes = seed, draws, changes
        self._curves: dict[str, Curve] = {}
        self._marks: list[tuple[float, float]] = []

    def tables(self) -> Iterator[tuple[str, str]]:
        """Name and text of each table, as soon as it is known."""
        yield "curves", self._figure()
        yield "readings", self._readings()
        yield "powers", self._powers()
        yield "weights", self._weights()
        yield "moves", self._moves()
        yield "crowded", self._crowded()

    def chart(self) -> Chart:
        """The picture; all tables have been made before."""
        series = [
            Series(
                name,
                list(zip(self.sizes, self._curves[name].values, strict=True)),
                list(zip(SIZES, PUBLISHED.get(name, ()), strict=False)),
                self._marks if name == OURS else (),
            )
            for name in (*STRATEGIES, OURS)
        ]
        return Chart(
            title="How evenly 30 nodes are loaded, N = 3",
            summary="Efficiency of strategies 1, 2 and 3 of Dynamo's paper, as in its figure 8 and as measured, "
            "and of the bounded rendezvous of ringcheck's reference node.",
            x_label="size of the table: tokens (strategies 1 and 2), partitions (strategy 3 and ours)",
            y_label="efficiency: mean load / maximum load",
            xs=SIZES,
            y_from=0.5,
            marks_label="bounded rendezvous, Q a power of two",
            series=series,
        )

    def _figure(self) -> str:
        rows = []
        for name, drawn in STRATEGIES.items():
            said = PUBLISHED[name]
            self._curves[name] = curve = self._curve(name, drawn, self._draws, name)
            rows.append([f"{name}, published", *(f"{value:.2f}" for value in said[: len(self.sizes)]), "", ""])
            rows.append([f"{name}, measured", *(f"{value:.3f}" for value in curve.values), *_fit(curve, name)])
        ours = tuple(self._ring(x) for x in self.sizes)
        self._curves[OURS] = Curve(OURS, ours)
        rows.append([f"{OURS}, Q = x", *(f"{value:.3f}" for value in ours), "", ""])
        return table(["x", *map(str, self.sizes), "max deviation", "mean deviation"], rows)

    def _readings(self) -> str:
        rows = []
        for name, reading, drawn in READINGS:
            curve = self._curves[name]
            if drawn is not STRATEGIES[name]:
                curve = self._curve(name, drawn, self._draws // 2, f"{name}, {reading}")
            rows.append([name, reading, *_fit(curve, name)])
        return table(["strategy", "reading", "max deviation", "mean deviation"], rows)

    def _powers(self) -> str:
        rows = []
        for q in self.partition_counts:
            value = self._ring(q)
            self._marks.append((q, value))
            mean, whole = figure8.N * q / figure8.NODES, -(-q // figure8.NODES)
            best = mean / -(-figure8.N * q // figure8.NODES)
            rows.append([str(q), f"{value:.3f}", f"{mean / (figure8.N * whole):.3f}", f"{best:.3f}"])
        return table(["Q", "measured", "every rank rounded up", "all ranks rounded together"], rows)

    def _weights(self) -> str:
        sizes = [x for x in MIXED_SIZES if x in self.sizes]
        rows = []
        for name, drawn in {**STRATEGIES, OURS: figure8.by_score}.items():
            cells = [name]
            for weights in (figure8.EQUAL, figure8.MIXED):
                for x in sizes:
                    draws = ring_draws_at(x, self._draws) if name == OURS else draws_at(x, self._draws)
                    weighed = partial(drawn, weights=weights)
                    cells.append(f"{measure(weighed, x, draws, f'{self._seed}, {name}, weights'):.3f}")
            rows.append(cells)
        return table(["", *(f"{words}, x = {x}" for words in ("equal", "1, 2, 4") for x in sizes)], rows)

    def _moves(self) -> str:
        rows = []
        for kind in KINDS:
            for q in MOVED_COUNTS:
                moves = draw_moves(kind, q, max(2, self._changes * 16 // q), str(self._seed))
                rows.append([kind.name, str(q), str(len(moves)), *_moved(moves)])
        return table(
            [
                "members",
                "Q",
                "changes",
                "moved / least, in all",
                "mean of the ratios",
                "moved in vain for each member",
                "worst of the bound",
                "beyond the bound",
                "least is beyond",
                "worst of 2·(least + N·members)",
            ],
            rows,
        )

    def _crowded(self) -> str:
        rows = []
        for n in CROWDED_N:
            row = [str(n)]
            for q in CROWDED_COUNTS:
                moves = draw_crowded_moves(n, q, max(2, self._changes * 16 // q), str(self._seed))
                besides = max((move.moved - 2 * move.least) / move.members for move in moves)
                row.append(f"{besides:.2f}")
            rows.append(row)
        return table(["N", *(f"Q = {q}" for q in CROWDED_COUNTS)], rows)

    def _curve(self, name: str, drawn: Draw, draws: int, words: str) -> Curve:
        seed = f"{self._seed}, {words}"
        return Curve(name, tuple(measure(drawn, x, draws_at(x, draws), seed) for x in self.sizes))

    def _ring(self, q: int) -> float:
        return measure(figure8.by_score, q, ring_draws_at(q, self._draws), f"{self._seed}, {OURS}")


def _fit(curve: Curve, strategy: str) -> tuple[str, str]:
    deviations = [abs(deviation) for deviation in curve.deviations(strategy)]
    return f"{max(deviations):.3f}", f"{statistics.mean(deviations):.3f}"


def _moved(moves: Sequence[Move]) -> list[str]:
    changed = [move for move in moves if move.least]
    return [
        f"{sum(move.moved for move in moves) / max(1, sum(move.least for move in moves)):.2f}",
        f"{statistics.mean(move.moved / move.least for move in changed):.2f}" if changed else "",
        f"{sum(move.moved - move.least for move in moves) / sum(move.members for move in moves):.2f}",
        f"{max(move.moved / move.bound for move in moves):.2f}",
        str(sum(move.moved > move.bound for move in moves)),
        str(sum(move.least > move.bound for move in moves)),
        f"{max(move.moved / move.allowed for move in moves):.2f}",
    ]


@click.command()
@click.option("--seed", default=1, show_default=True, help="All chance comes from it.")
@click.option("--draws", default=400, show_default=True, help="Placements for each small x; fewer where x is large.")
@click.option("--changes", default=1600, show_default=True, help="Joins where Q = 16; fewer where Q is larger.")
@click.option("--largest", default=SIZES[-1], show_default=True, help="Leave out what is larger than this x.")
@click.option("--out", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Renew the page there.")
def main(*, seed: int, draws: int, changes: int, largest: int, out: Path | None) -> None:
    """Measure how evenly nodes are loaded, and what a change of members moves."""
    if min(draws, changes) < 1 or largest < SIZES[0]:
        raise click.UsageError(f"Draws and changes are at least 1, and the largest x at least {SIZES[0]}.")
    click.echo(f"seed {seed}; each table is printed as soon as it is measured, three or four minutes in all\n")
    study = Study(seed=seed, draws=draws, changes=changes, largest=largest)
    tables: dict[str, str] = {}
    for name, text in study.tables():
        tables[name] = text
        click.echo(f"{name}\n\n{text}")
    if out is not None:
        _write(out, tables, study.chart())


def _write(folder: Path, tables: Mapping[str, str], chart: Chart) -> None:
    page, picture = folder / "placement.md", folder / "placement.svg"
    page.write_text(renew(page.read_text(encoding="utf-8"), tables), encoding="utf-8")
    picture.write_text(draw(chart), encoding="utf-8")
    click.echo(f"written: {page}, {picture}")


if __name__ == "__main__":
    main()
