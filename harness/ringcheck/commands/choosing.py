"""Which requirements a command is about: the option `--only`."""

from collections.abc import Sequence
from typing import Any

import click


def chosen(texts: Sequence[str]) -> tuple[str, ...]:
    """The ids in texts like "DUR-01, sib-02", in order; texts without any give one that nothing is called."""
    ids = tuple(name.strip().upper() for text in texts for name in text.split(",") if name.strip())
    return ids or ("",) * bool(texts)


def _chosen(_context: click.Context, _option: click.Parameter, texts: Any) -> tuple[str, ...]:
    return chosen(texts)


only = click.option(
    "--only",
    multiple=True,
    callback=_chosen,
    metavar="ID,…",
    help="Only these requirements, as in DUR-01,SIB-02; may be given several times.",
)
"""`--only`, as a tuple of ids; empty is everything."""
