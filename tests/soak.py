"""Many whole runs one after another, quiet and beside a busy core: a flaky verdict shows here or nowhere.

    python tests/soak.py --runs 10 --busy 10 [-- COMMAND … {config}]

Each run has a seed of its own, which is printed; nothing is retried. The table gives the exit code, the run's own
printed time and the number of requirements by verdict. Exit code 0 when every run conforms with nothing inconclusive.
"""

import contextlib
import json
import multiprocessing
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import click


def _spin() -> None:
    parent = multiprocessing.parent_process()
    while parent is not None and parent.is_alive():
        for _ in range(10**6):
            pass


@contextlib.contextmanager
def busy_core() -> Iterator[None]:
    """One core's worth of work beside the run."""
    spinner = multiprocessing.get_context("spawn").Process(target=_spin, daemon=True)
    spinner.start()
    try:
        yield
    finally:
        spinner.kill()
        spinner.join()


def _finish(argv: Sequence[str]) -> tuple[int, str]:
    """The exit code and the output of a command, which is ended gracefully if we are to end meanwhile."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            output, _ = process.communicate()
        except BaseException:
            process.terminate()
            process.communicate()  # else it could not say its last words
            raise
    return process.returncode, output


class Outcome:
    """One run: its exit code, its seconds, and its verdicts by status."""

    def __init__(self, seed: int, folder: Path, command: tuple[str, ...], options: tuple[str, ...]) -> None:
        argv = [sys.executable, "-m", "ringcheck", "run", "--seed", str(seed), "--out", str(folder), *options]
        self.seed = seed
        self.code, self.output = _finish([*argv, *(("--", *command) if command else ())])
        summary = folder / "latest" / "run.json"
        outcome = json.loads(summary.read_text())["outcome"] if summary.exists() else {}
        verdicts = outcome.get("verdicts", [])
        self.statuses = Counter(verdict["status"] for verdict in verdicts)
        self.seconds = float(outcome.get("seconds", "nan"))
        self.notable = [v["requirement"] for v in verdicts if v["status"] in ("fail", "inconclusive")]

    @property
    def clean(self) -> bool:
        """Whether everything that applies passed."""
        return self.code == 0 and self.statuses["pass"] > 0 and not self.notable


@click.command(context_settings={"ignore_unknown_options": False})
@click.option("--runs", default=10, show_default=True, help="Runs on the quiet machine.")
@click.option("--busy", default=10, show_default=True, help="Runs with one core kept busy.")
@click.option("--seed", type=int, default=None, help="Seed of the first run; the others count up from it.")
@click.option("--workers", type=int, default=None, help="Passed on as -n.")
@click.option("--keep", type=click.Path(path_type=Path), default=None, help="Keep the results of all runs here.")
@click.argument("command", nargs=-1)
def main(
    runs: int, busy: int, seed: int | None, workers: int | None, keep: Path | None, command: tuple[str, ...]
) -> None:
    """Run the whole suite many times, quiet and busy, and print one line per run."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    first = secrets.randbelow(2**31) if seed is None else seed
    options = () if workers is None else ("-n", str(workers))
    outcomes: dict[str, list[Outcome]] = {"quiet": [], "busy": []}
    with tempfile.TemporaryDirectory(prefix="ringcheck-soak-") as scratch:
        base = keep or Path(scratch)
        for number in range(runs + busy):
            load = "quiet" if number < runs else "busy"
            with contextlib.nullcontext() if load == "quiet" else busy_core():
                outcome = Outcome(first + number, base / f"{number:02}-{load}", command, options)
            outcomes[load].append(outcome)
            click.echo(
                f"{load:5}  seed {outcome.seed}  exit {outcome.code}  {outcome.seconds:6.1f} s  "
                + ", ".join(f"{count} {status}" for status, count in sorted(outcome.statuses.items()))
                + (f"  ← {', '.join(outcome.notable)}" if outcome.notable else "")
            )
            if not outcome.clean:
                click.echo(outcome.output)
    for load, some in outcomes.items():
        if some:
            middle = statistics.median(outcome.seconds for outcome in some)
            clean = sum(outcome.clean for outcome in some)
            click.echo(f"{load}: {clean} of {len(some)} clean, median {middle:.1f} s")
    if not all(outcome.clean for some in outcomes.values() for outcome in some):
        sys.exit(1)


if __name__ == "__main__":
    main()
