"""`ringcheck replay`: carry the schedule of a history out again, and judge what comes of it."""

import shlex
from collections.abc import Iterable
from pathlib import Path

import click

from ringcheck import history as happened
from ringcheck.commands.check import together
from ringcheck.conform import worth_telling
from ringcheck.history_file import read_history
from ringcheck.judging import judge
from ringcheck.judging.verdict import Judgement
from ringcheck.reports.terminal import make_console, print_outcome
from ringcheck.requirements import all_requirements
from ringcheck.target import Target
from ringcheck.worlds.live import LiveWorld


@click.command("replay")
@click.argument("history", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("ringcheck-results"),
    show_default=True,
    metavar="DIR",
    help="Where the new history goes, under replays/.",
)
@click.option("--toxiproxy", metavar="PATH|URL|embedded", help="Which Toxiproxy server to use.")
@click.argument("target", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND … {config}]")
def command(history: Path, out: Path, toxiproxy: str | None, target: tuple[str, ...]) -> int:
    """Carry the schedule of HISTORY out once on a fresh cluster, and judge the new history.

    COMMAND starts one node; without it the history's own command is used. Timing is not part of a schedule, so
    what depends on it may end otherwise: the last line says whether the same requirements were broken. Exit codes
    are those of `ringcheck check`.
    """
    earlier = read_history(history, partial=True)
    chosen = Target.from_command(target) if target else Target.from_history(earlier.header.command)
    path = _free_path(out / "replays", history.stem)
    click.echo(f"Carrying out {earlier.header.schedule.name} again: {shlex.join(chosen.command)}")
    with LiveWorld(chosen, toxiproxy=toxiproxy, seed=earlier.header.seed, on_event=_show) as world:
        again = world.carry_out(earlier.header.schedule, path)
    before, after = judge(earlier), judge(again)
    outcome = together([(str(path), after)], set(earlier.header.schedule.requirements))
    print_outcome(make_console(), outcome)
    click.echo(f"\nhistory: {path}")
    click.echo(comparison(breached(before), breached(after)))
    return outcome.exit_code


def breached(judgement: Judgement) -> tuple[str, ...]:
    """The requirements that a history breaks, in the order of the contract; none when it proves nothing."""
    if judgement.invalid:
        return ()
    found = judgement.findings
    return tuple(name for name in all_requirements() if name in found and found[name].breaches)


def comparison(before: Iterable[str], after: Iterable[str]) -> str:
    """One sentence on what was broken then and what is now."""
    before, after = tuple(before), tuple(after)
    again = [name for name in before if name in after]
    gone = [name for name in before if name not in after]
    new = [name for name in after if name not in before]
    parts = []
    if again:
        parts.append(f"broken again: {', '.join(again)}")
    if gone:
        parts.append(f"not broken this time: {', '.join(gone)}")
    if new:
        parts.append(f"broken now and not before: {', '.join(new)}")
    if not parts:
        return "Nothing was broken, then or now."
    return "Compared with the history: " + "; ".join(parts) + "."


def _show(event: happened.Event) -> None:
    if text := worth_telling(event):
        click.echo(f"{event.time:8.3f} s  {text}")


def _free_path(folder: Path, stem: str) -> Path:
    """A file name that is not in use: a replay never writes over an earlier one."""
    number = 1
    while (path := folder / f"{stem}-{number}.jsonl").exists():
        number += 1
    return path
