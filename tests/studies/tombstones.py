"""What a copy of a disk brings back, by its age: deleted versions, when it is older than the lifetime of tombstones.

    python -m tests.studies.tombstones
    python -m tests.studies.tombstones --lifetime 10 --out docs

On three simulated nodes a value is put, the disk of one is copied, and the value is deleted. Later that node gets the
copy back, as after a failure and a restore. A harness never does the second half of this: see `tombstone_lifetime_ms`.
"""

from collections.abc import Iterator
from pathlib import Path

import click

from .driving import Driven
from .pages import renew, table

AGES = (0.5, 0.9, 1.5, 2.5, 5.0)
"""In lifetimes."""
HEALING_S = 5.0


def bring_back(seed: int, lifetime_s: float, age_s: float) -> tuple[bool, tuple[bytes, ...]]:
    """Whether the tombstone was reaped by the time the copy came back, and what all nodes return after that."""
    store = Driven(seed=seed, lifetime_ms=round(lifetime_s * 1000))
    first, second, third = store.homes
    context = store.put(first, b"deleted long ago")
    store.pass_time(HEALING_S)
    store.cluster.nodes[second].disk.back_up()
    store.delete(first, context)
    store.pass_time(age_s)
    reaped = not any(store.holds(node) for node in store.homes)
    store.stop(second)
    store.cluster.nodes[second].disk.roll_back()
    store.start(second)
    store.pass_time(HEALING_S)
    (values,) = {store.get(node).values for node in (first, second, third)}
    return reaped, values


def rows(seed: int, lifetime_s: float) -> Iterator[list[str]]:
    """A row for each age."""
    for age in AGES:
        reaped, values = bring_back(seed, lifetime_s, age * lifetime_s)
        returned = ", ".join(value.decode() for value in values) or "nothing"
        yield [f"{age:g}", f"{age * lifetime_s:g} s", "gone" if reaped else "there", returned]


@click.command()
@click.option("--seed", default=1, show_default=True, help="All chance comes from it.")
@click.option("--lifetime", default=10.0, show_default=True, help="Of tombstones, in seconds.")
@click.option("--out", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Renew the page there.")
def main(*, seed: int, lifetime: float, out: Path | None) -> None:
    """Bring copies of a disk back, from one younger than a tombstone's lifetime to one much older."""
    head = ["age in lifetimes", "age", "tombstone", "what every node returns"]
    text = table(head, list(rows(seed, lifetime)))
    click.echo(f"seed {seed}; tombstone_lifetime is {lifetime:g} s\n\n{text}")
    if out is not None:
        page = out / "causality.md"
        page.write_text(renew(page.read_text(encoding="utf-8"), {"ages": text}), encoding="utf-8")


if __name__ == "__main__":
    main()
