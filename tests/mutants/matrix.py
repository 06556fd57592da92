"""The kill matrix: every mutant in the simulated world, what found it, how soon, and the schedule that is left.

    python tests/mutants/matrix.py --out docs/kill-matrix.md
    python tests/mutants/matrix.py --only 17,H1 --seeds 3 --budget 30

Each mutant has a process of its own (`killing.py`). What comes of it is kept in a folder, so that a later run with
--only renews some rows of the table. The exit code is 1 if a mutant survives or the honest reference is accused,
2 if one could not be hunted.
"""

import argparse
import math
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from bugs import BUGS  # type: ignore[import-not-found]  # found beside this script, whatever the working folder
from killing import SHORT, Clean, Hunt  # type: ignore[import-not-found]  # likewise

from ringcheck.version import __version__

KILLING = Path(__file__).with_name("killing.py")
KEPT = Path(__file__).with_name("hunts")
HONEST = "honest"
NOTHING = "-"


class FailedError(Exception):
    """A mutant's process ended without a result."""


def main() -> int:
    """Runs all, writes the table."""
    arguments = _arguments()
    arguments.keep.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in arguments.only:
        print(f"{name:4} {BUGS[name].sentence} …", flush=True)
        try:
            hunt = _run(name, "--seeds", str(arguments.seeds), "--budget", f"{arguments.budget:g}")
        except FailedError as error:
            print(f"     {error}", file=sys.stderr, flush=True)
            failed = 2
            continue
        (arguments.keep / f"{name}.json").write_text(hunt)
        print(f"     {_summary(msgspec.json.decode(hunt, type=Hunt))}", flush=True)
    if arguments.clean:
        print(f"the honest reference, {arguments.clean} seeds …", flush=True)
        (arguments.keep / f"{HONEST}.json").write_text(_run("--clean", str(arguments.clean)))
    hunts = [
        msgspec.json.decode(file.read_bytes(), type=Hunt)
        for name in BUGS
        if (file := arguments.keep / f"{name}.json").exists()
    ]
    file = arguments.keep / f"{HONEST}.json"
    honest = msgspec.json.decode(file.read_bytes(), type=Clean) if file.exists() else None
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(table(hunts, honest))
        print(f"written to {arguments.out}")
    surviving = [hunt.name for hunt in hunts if len(hunt.kills) <= len(hunt.survived)]
    if surviving:
        print(f"alive: {', '.join(surviving)}", file=sys.stderr)
    if honest and honest.alarms:
        print(f"the honest reference is accused: {honest.alarms}", file=sys.stderr)
    return failed or int(bool(surviving or (honest and honest.alarms)))


def table(hunts: Sequence[Hunt], honest: Clean | None) -> str:
    """The whole page in Markdown."""
    lines = [
        "# Kill matrix",
        "",
        "Bugs that real stores had, each planted in a copy of the reference and hunted in the simulated world: seeds",
        "are tried one after another from several first ones until the requirement named is broken. Seconds are those",
        "of one core, the median and the range over the first seeds; steps are those of the smallest schedule that",
        "Hypothesis leaves.",
        "",
        f"Made by `python tests/mutants/matrix.py --out docs/kill-matrix.md` with ringcheck {__version__}.",
        "",
        "| bug | what goes wrong | found by | what a user reads | simulated s | seconds | steps |",
        "|---|---|---|---|---|---|---|",
        *map(_row, hunts),
        "",
    ]
    if honest is not None:
        lines += [
            f"The honest reference went through {honest.seeds} seeds ({honest.simulated_s:,.0f} simulated seconds in "
            f"{honest.seconds:.0f} s)",
            f"with {'no alarm' if not honest.alarms else f'alarms: {honest.alarms}'}.",
            "",
        ]
    return "\n".join(lines)


def _row(hunt: Hunt) -> str:
    said = min(hunt.kills, key=lambda kill: len(kill.expected + kill.actual)) if hunt.kills else None
    cells = (
        hunt.name,
        BUGS[hunt.name].sentence,
        hunt.requirement,
        _cell(f"{said.expected} {said.actual}" if said else "nothing: it survives"),
        _spread([kill.simulated_s for kill in hunt.kills], len(hunt.survived)),
        _spread([kill.seconds for kill in hunt.kills], len(hunt.survived)),
        str(len(hunt.schedule.steps)) if hunt.schedule else NOTHING,
    )
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _spread(values: Sequence[float], survived: int) -> str:
    """Median and range; a hunt that outlasted its budget counts as longer than any other."""
    median = statistics.median([*values, *[math.inf] * survived])
    if not values or math.isinf(median):
        return f"over budget in {survived} of {survived + len(values)}"
    over = f", {survived} over budget" if survived else ""
    return f"{median:.1f} ({min(values):.1f} to {max(values):.1f}{over})"


def _summary(hunt: Hunt) -> str:
    steps = len(hunt.schedule.steps) if hunt.schedule else 0
    long = "" if steps <= SHORT else ", too long"
    return (
        f"{hunt.requirement}: {_spread([kill.seconds for kill in hunt.kills], len(hunt.survived))} s, "
        f"{steps} steps{long} (shrunk in {hunt.shrinking_s:.0f} s)"
    )


def _run(*arguments: str) -> str:
    command = [sys.executable, str(KILLING), *arguments]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode not in (0, 1) or not lines:
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        took = time.monotonic() - began
        raise FailedError(f"{shlex.join(command)} ended with {done.returncode} after {took:.0f} s: {last}")
    return lines[-1]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill all mutants in the simulated world.")
    parser.add_argument("--only", type=_names, default=tuple(BUGS), metavar="NAME,…", help="these mutants")
    parser.add_argument("--seeds", type=int, default=5, help="from how many first seeds each is hunted")
    parser.add_argument("--budget", type=float, default=60.0, help="CPU seconds for each hunt")
    parser.add_argument("--clean", type=int, default=0, metavar="N", help="try N seeds of the honest reference too")
    parser.add_argument(
        "--keep",
        type=Path,
        default=KEPT,
        metavar="FOLDER",
        help="where the results of each mutant are kept, over earlier ones; those of %(default)s are committed",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table there")
    return parser.parse_args()


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(",")) if text else ()
    for name in names:
        if name not in BUGS:
            raise argparse.ArgumentTypeError(f"there is no bug {name}; there are {', '.join(BUGS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
