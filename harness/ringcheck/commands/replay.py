"""`ringcheck replay`: carry the schedule of a history out again, and judge what comes of it."""

import shlex
from collections.abc import Iterable
from pathlib import Path

import click

from ringcheck import history as happened
from ringcheck.commands.check import together
from ringcheck.conform import worth_telling
from ringcheck.errors import UsageError
from ringcheck.history_file import read_history
from ringcheck.judging import judge
from ringcheck.judging.verdict import Judgement
from ringcheck.reports.console import make_console
from ringcheck.reports.terminal import print_outcome
from ringcheck.requirements import all_requirements
from ringcheck.target import Target


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
@click.option("--core", metavar="NAME", help="Carry it out in the simulated world, on this core.")
@click.option("--live", is_flag=True, help="Carry a simulated history out on real processes.")
@click.option("--toxiproxy", metavar="PATH|URL|embedded", help="Which Toxiproxy server to use.")
@click.argument("target", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND … {config}]")
def command(
    history: Path, out: Path, core: str | None, live: bool, toxiproxy: str | None, target: tuple[str, ...]
) -> int:
    """Carry the schedule of HISTORY out once on a fresh cluster, and judge the new history.

    It is carried out in the world that it comes from, unless you name the other one. On real processes COMMAND starts
    one node; without it the history's own command is used, or the reference. Timing is not part of a schedule there,
    so what depends on it may end otherwise: the last line says whether the same requirements were broken. In the
    simulated world a history is repeated to the letter, unless core or program have changed, which is told. Exit codes
    are those of `ringcheck check`.
    """
    if core and (live or target or toxiproxy):
        raise UsageError("--core means the simulated world, and --live, --toxiproxy and COMMAND the live one; choose.")
    earlier = read_history(history, partial=True)
    path = _free_path(out / "replays", history.stem)
    simulated = earlier.header.core and not (live or target or toxiproxy)
    if core or simulated:
        again = _simulate(earlier, core or earlier.header.core, path)
    else:
        again = _carry_out(earlier, target, toxiproxy, path)
    before, after = judge(earlier), judge(again)
    outcome = together([(str(path), after)], set(earlier.header.schedule.requirements))
    print_outcome(make_console(), outcome)
    click.echo(f"\nhistory: {path}")
    if simulated and not core:
        click.echo(likeness(earlier, again))
    if earlier.footer is None:
        click.echo(f"{history} was cut off, so what came after its last event is not in the comparison.")
    click.echo(comparison(breached(before), breached(after)))
    return outcome.exit_code


def _simulate(earlier: happened.History, core: str, path: Path) -> happened.History:
    from ringcheck.worlds.simulated import SimulatedWorld

    world = SimulatedWorld(core, on_event=_show)  # which says so where there is no such core
    click.echo(f"Carrying out {earlier.header.schedule.name} in the simulated world: {core}")
    return world.carry_out(earlier.header.schedule, path)


def _carry_out(
    earlier: happened.History, target: tuple[str, ...], toxiproxy: str | None, path: Path
) -> happened.History:
    from ringcheck.worlds.live import LiveWorld

    header = earlier.header
    chosen = Target.from_history(header.command) if header.command and not target else Target.from_command(target)
    click.echo(f"Carrying out {header.schedule.name} again: {shlex.join(chosen.command)}")
    with LiveWorld(chosen, toxiproxy=toxiproxy, seed=header.seed, on_event=_show) as world:
        return world.carry_out(header.schedule, path)


def likeness(before: happened.History, after: happened.History) -> str:
    """One sentence on whether a simulated history was repeated to the letter."""
    if before.events == after.events and before.footer == after.footer:
        return f"The same history to the letter: {len(after.events)} events."
    if before.footer is None:
        return "The history to compare with was cut off."
    place = next((n for n, pair in enumerate(zip(before.events, after.events, strict=False)) if pair[0] != pair[1]), -1)
    what = f"event {place + 1} differs" if place >= 0 else "one is longer"
    draws = (
        "" if after.footer is None else f" (random numbers drawn: {before.footer.draws} then, {after.footer.draws} now)"
    )
    return f"Another history than before, {what}{draws}: the core or this program have changed since."


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
