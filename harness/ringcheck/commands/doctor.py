"""`ringcheck doctor`: look whether this machine can carry a run."""

import click

from ringcheck import doctor

WRONG = 4


@click.command("doctor")
def command() -> int:
    """Look whether this machine can carry a run; exit 0 if so, 4 if not."""
    wrong = 0
    for look in doctor.CHECKS:
        check = look()
        click.echo(f"{'ok   ' if check.ok else 'WRONG'}  {check.name}: {check.detail}")
        if not check.ok:
            wrong += 1
            click.echo(f"       → {check.advice}")
    click.echo("This machine can carry a run." if not wrong else f"{wrong} of {len(doctor.CHECKS)} checks failed.")
    return WRONG if wrong else 0
