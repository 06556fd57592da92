"""The command `ringcheck`: finds a subcommand, runs it, and turns errors into one sentence and an exit code."""

import contextlib
import importlib
import io
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from ringcheck.errors import RingcheckError
from ringcheck.version import __version__

COMMANDS = {
    "run": "Judge a store: start it, drive it under faults, say which requirements it keeps.",
    "check": "Judge histories again, offline.",
    "replay": "Carry the schedule of a history out again, and judge it.",
    "node": "Start one reference node.",
    "cluster": "Start a local cluster to play with.",
    "doctor": "Look whether this machine can carry a run.",
}
"""Every subcommand with its line of help; the module `ringcheck.commands.NAME` is imported when it is called."""

BUG = 4
INTERRUPTED = 130


class Commands(click.Group):
    """A group whose commands are imported when they are needed: `ringcheck --help` should not wait for gRPC."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """The names, in the order of the table above."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"ringcheck.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 conforms, 1 a MUST is broken, 2 wrong use, 3 inconclusive, "
    "4 the target or the environment broke, 130 interrupted.",
)
@click.version_option(__version__, prog_name="ringcheck")
def cli() -> None:
    """Say whether a Dynamo-style key-value store keeps its promises."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code; the entry point of the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show an arrow should show a question mark, not a traceback.
            stream.reconfigure(errors="replace")
    sys.exit(code_of(arguments))


def code_of(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; says in one sentence on stderr what went wrong."""
    try:
        result = cli.main(arguments, prog_name="ringcheck", standalone_mode=False)
    except RingcheckError as error:
        return _say(str(error), error.exit_code)
    except click.ClickException as error:
        # Wrong use, whatever click itself would exit with.
        return _say(error.format_message(), 2)
    except (KeyboardInterrupt, click.Abort):
        return _say("Interrupted.", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has had enough of it (`ringcheck … | head`).
        with contextlib.suppress(OSError):
            sys.stdout.close()
        return BUG
    except Exception as error:
        return _say(
            f"This is a bug in ringcheck, please report it: {type(error).__name__}: {_first_line(error)} "
            f"(traceback in {_keep_traceback()}).",
            BUG,
        )
    return result if isinstance(result, int) else 0


def _say(sentence: str, code: int) -> int:
    click.echo(f"ringcheck: {sentence}", err=True)
    return code


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "no message")


def _keep_traceback() -> Path:
    """Write the traceback of the current exception where the user finds it, the one file that outlives us."""
    with tempfile.NamedTemporaryFile("w", prefix="ringcheck-bug-", suffix=".txt", delete=False) as file:
        file.write(f"ringcheck {__version__}, Python {sys.version}\n{traceback.format_exc()}")
    return Path(file.name)
