"""`ringcheck explore`: try schedules by the thousand on a simulated core."""

from pathlib import Path

import click

from ringcheck.commands import choosing
from ringcheck.commands.sizes import WORKERS
from ringcheck.exploring.audit import USUAL_SHARE
from ringcheck.exploring.exploration import explore
from ringcheck.exploring.options import USUAL_TIME_S, Options, usual_workers
from ringcheck.exploring.trial import SOURCE
from ringcheck.output import own_output
from ringcheck.reports.console import make_console
from ringcheck.reports.exploration import ExplorationReport
from ringcheck.simulation.loading import REFERENCE


@click.command("explore")
@click.option(
    "--core", metavar="NAME", default=REFERENCE, show_default=True, help="What to simulate: MODULE[:NAME] or FILE.py."
)
@click.option("--seeds", type=click.IntRange(min=1), metavar="N", help="Try so many seeds; no end without it.")
@click.option(
    "--time",
    "time_s",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help=f"Try seeds for so long; {USUAL_TIME_S:g} where --seeds says nothing either. Shrinking comes on top.",
)
@click.option("--first", type=click.IntRange(min=0), metavar="SEED", help="Begin here; drawn and shown if not given.")
@click.option("--seed", type=click.IntRange(min=0), metavar="S", help="Try this one seed alone, and show all of it.")
@choosing.only
@click.option("--keep-going", is_flag=True, help="Go on after a failure, and group failures by their cause.")
@click.option("--resume", is_flag=True, help="Go on where the newest exploration of this core in DIR stopped.")
@click.option(
    "-n",
    "--workers",
    type=WORKERS,
    default=usual_workers,
    show_default="one for each core",
    help="Worker processes; 0 tries everything in this one.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("ringcheck-results"),
    show_default=True,
    metavar="DIR",
    help="Where results go; each exploration makes a folder of its own there, `latest` links to the newest.",
)
@click.option("--source", metavar="NAME", default=SOURCE, show_default=True, help="Where schedules come from.")
@click.option("--no-shrink", is_flag=True, help="Tell failures as they were found, and save no examples.")
@click.option(
    "--audit",
    type=click.FloatRange(0, 1),
    default=USUAL_SHARE,
    show_default=True,
    metavar="SHARE",
    help="This share of the seeds is tried twice and compared.",
)
def command(
    core: str,
    seeds: int | None,
    time_s: float | None,
    first: int | None,
    seed: int | None,
    only: tuple[str, ...],
    keep_going: bool,
    resume: bool,
    workers: int,
    out: Path,
    source: str,
    no_shrink: bool,
    audit: float,
) -> int:
    """Try random schedules in virtual time on a simulated core: no process, no socket, one seed is one history.

    What failed in earlier explorations of this core is tried first. A failure is shrunk to a small schedule, told step
    by step, and kept. Ends with 1 when a MUST is broken, 4 when the core fails or is not deterministic, 3 when
    nothing was verified, 2 for wrong use, 130 when interrupted, else 0; a SHOULD that is broken warns.
    """
    options = Options(
        core=core,
        source=source,
        seed=seed,
        first=first,
        seeds=seeds,
        time_s=time_s,
        only=only,
        keep_going=keep_going,
        resume=resume,
        workers=workers,
        out=out,
        shrink=not no_shrink,
        audit=audit,
    )
    with own_output() as output, ExplorationReport(make_console(output)) as report:
        return explore(options, [report.heard]).exit_code
