"""`ringcheck run`: judge a store."""

from pathlib import Path

import click

from ringcheck.commands import choosing
from ringcheck.commands.sizes import NODES, WORKERS
from ringcheck.engine import LARGEST_SEED, Listener, Options, run, usual_workers
from ringcheck.reports.console import make_console
from ringcheck.reports.junit import JUnitReport
from ringcheck.reports.terminal import TerminalReport


@click.command("run")
@choosing.only
@click.option("--nodes", type=NODES, default=5, show_default=True, help="Nodes of a cluster.")
@click.option(
    "--seed", type=click.IntRange(0, LARGEST_SEED), help="Seed of all random choices; drawn and shown if not given."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("ringcheck-results"),
    show_default=True,
    metavar="DIR",
    help="Where results go; each run makes a folder of its own there, `latest` links to the newest.",
)
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write JUnit XML too.")
@click.option(
    "-n",
    "--workers",
    type=WORKERS,
    default=usual_workers,
    show_default="one more than there are cores",
    help="Workers, each with a cluster of its own; 0 runs everything in one process.",
)
@click.option(
    "--core", metavar="NAME", help="Judge a core in the simulated world, such as ringcheck_reference.simulated."
)
@click.option("--toxiproxy", metavar="PATH|URL|embedded", help="Which Toxiproxy server to use.")
@click.option(
    "--schedules",
    type=click.IntRange(min=0),
    default=Options().schedules,
    show_default=True,
    help="How many random schedules to add to the scripted ones.",
)
@click.argument("target", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND … {config}]")
def command(
    only: tuple[str, ...],
    nodes: int,
    seed: int | None,
    out: Path,
    junit: Path | None,
    workers: int,
    core: str | None,
    toxiproxy: str | None,
    schedules: int,
    target: tuple[str, ...],
) -> int:
    """Start a store, drive it while links are cut and nodes are killed, and judge what its clients saw.

    COMMAND starts one node; {config} in it stands for the path of that node's NodeConfig in JSON. Without a
    command the reference node is judged.

    With --core nothing is started: the same schedules are carried out by cores in one process and in virtual time,
    in seconds. `ringcheck explore` goes on from there.
    """
    options = Options(
        command=target or None,
        core=core,
        only=only,
        nodes=nodes,
        seed=seed,
        schedules=schedules,
        workers=workers,
        toxiproxy=toxiproxy,
        out=out,
        directory=Path.cwd(),
    )
    listeners: list[Listener] = [TerminalReport(make_console())]
    if junit:
        listeners.append(JUnitReport(junit))
    return run(options, listeners).exit_code
