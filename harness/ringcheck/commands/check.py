"""`ringcheck check`: judge histories again, with no cluster."""

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from ringcheck.history_file import read_history
from ringcheck.judging import judge
from ringcheck.judging.verdict import Judgement, combine, tally
from ringcheck.outcome import BREACH, BROKE, CONFORMS, INCONCLUSIVE, Outcome
from ringcheck.reports.console import make_console
from ringcheck.reports.terminal import CONCLUSIONS, print_outcome
from ringcheck.requirements import all_requirements


@click.command("check")
@click.argument("histories", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="HISTORY…")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the judgements as JSON, one object a history, by its path."
)
def command(histories: tuple[Path, ...], as_json: bool) -> int:
    """Judge what the HISTORY files of earlier runs say, together as one run.

    Shows every requirement of which they say something, and the story of what they break. Ends with 1 when a MUST is
    broken, 2 when a file is no whole history, 4 when a run broke off, 3 when a requirement for whose sake a history
    was made could not be verified, else 0.
    """
    judgements: list[tuple[str, Judgement]] = []
    written_for: set[str] = set()
    for path in dict.fromkeys(histories):
        history = read_history(path)
        judgements.append((str(path), judge(history)))
        written_for |= set(history.header.schedule.requirements)
    outcome = together(judgements, written_for)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(dict(judgements))).decode())
        return outcome.exit_code
    print_outcome(make_console(), outcome)
    click.echo(f"\n{CONCLUSIONS[outcome.exit_code]}: {_counts(outcome)} · exit {outcome.exit_code}")
    return outcome.exit_code


def together(judgements: Sequence[tuple[str, Judgement]], written_for: set[str]) -> Outcome:
    """What several histories say as one run; `written_for` are the requirements that must not stay open."""
    named = written_for.union(*(judgement.findings for _, judgement in judgements))
    verdicts = tuple(
        combine(each.id, each.profile, judgements) for each in all_requirements().values() if each.id in named
    )
    problems = [f"{path} broke off: {judgement.broke}" for path, judgement in judgements if judgement.broke]
    problems += [f"{path} proves nothing: {judgement.invalid}" for path, judgement in judgements if judgement.invalid]
    musts = {each.requirement: each.status for each in verdicts if all_requirements()[each.requirement].level == "MUST"}
    open_ones = [name for name, status in musts.items() if status == "inconclusive" and name in written_for]
    if "fail" in musts.values():
        code = BREACH
    elif any(judgement.broke for _, judgement in judgements):
        code = BROKE
    elif open_ones or all(verdict.status != "pass" for verdict in verdicts):
        code = INCONCLUSIVE
    else:
        code = CONFORMS
    return Outcome(
        verdicts=verdicts,
        events=dict(tally(judgement for _, judgement in judgements)),
        problems=tuple(problems),
        schedules=len(judgements),
        exit_code=code,
    )


def _counts(outcome: Outcome) -> str:
    statuses = [verdict.status for verdict in outcome.verdicts]
    found = [f"{statuses.count(status)} {status}" for status in ("pass", "fail", "inconclusive", "skipped")]
    return ", ".join(each for each in found if not each.startswith("0 ")) or "nothing verified"
