"""The command `ringcheck`: finds a subcommand, runs it, and turns errors into one sentence and an exit code."""

import contextlib
import errno
import importlib
import io
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from ringcheck.errors import NO_FILES, NO_FILES_SAID, RingcheckError
from ringcheck.reports.console import silence_output
from ringcheck.version import __version__

COMMANDS = {
    "run": "Judge a store: start it, drive it under faults, say which requirements it keeps.",
    "check": "Judge histories again, offline.",
    "replay": "Carry the schedule of a history out again, and judge it.",
    "explore": "Try schedules by the thousand on a simulated core, in virtual time.",
    "node": "Start one reference node.",
    "cluster": "Start a local cluster to play with; look at a running one, and change who is in it.",
    "doctor": "Look whether this machine can carry a run.",
}
"""Every subcommand with its line of help; the module `ringcheck.commands.NAME` is imported when it is called."""

BUG = 4
BROKEN_PIPE = 128 + signal.SIGPIPE
"""As the shell has it for a program whose reader went away."""

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG}
"""What a disk answers that is full or broken."""

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
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show an arrow should show a question mark, not a traceback.
            stream.reconfigure(errors="replace")
    sys.exit(_code_whatever_comes(arguments))


def _open_what_is_closed() -> None:
    """Let the standard streams that we were started without (`>&-`) lead nowhere.

    What opens a file next would else get their number, and with it what others write to standard output.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free, so this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115


def _code_whatever_comes(arguments: Sequence[str] | None) -> int:
    """As code_of, in a process of our own: whoever goes on asking us to end while we do cannot change the code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = code_of(arguments)
        _be_deaf()
    except KeyboardInterrupt:
        _be_deaf()
        code = INTERRUPTED
    return code


def _be_deaf() -> None:
    """Ignore Ctrl-C and SIGTERM: all is said and done, and nothing is left but to exit."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def code_of(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; says in one sentence on stderr what went wrong."""
    try:
        with _terminated_as_interrupted():
            result = cli.main(arguments, prog_name="ringcheck", standalone_mode=False)
            sys.stdout.flush()
    except RingcheckError as error:
        return _say(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        # Wrong use, whatever click itself would exit with.
        return _say(error.format_message(), 2)
    except (KeyboardInterrupt, click.Abort):
        return _say("Interrupted.", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has had enough of it (`ringcheck … | head`).
        silence_output()
        return BROKEN_PIPE
    except UnicodeEncodeError as error:
        # Commands take a key to the byte; what else is typed, such as a folder, is told in UTF-8 somewhere.
        if "surrogates not allowed" not in error.reason or not _typed(error.object, arguments):
            return _bug(error)
        return _say(f"An argument is no text in UTF-8, where it has to be: {error.object!r}.", 2)
    except OSError as error:
        if error.errno in NO_FILES:
            return _say(NO_FILES_SAID, BUG)
        if error.errno not in NO_ROOM:
            return _bug(error)
        silence_output()
        where = f" to {error.filename}" if error.filename else ""
        return _say(f"Nothing more can be written{where}: {error.strerror}; make room, and try again.", BUG)
    except Exception as error:
        return _bug(error)
    return result if isinstance(result, int) else 0


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does, so that it cleans up; those that know better set handlers of their own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _typed(text: str, arguments: Sequence[str] | None) -> bool:
    """Whether what is no text in it was typed: an escaped byte of an argument."""
    escaped = {letter for letter in text if "\udc80" <= letter <= "\udcff"}
    return bool(escaped) and escaped <= set("".join(sys.argv if arguments is None else arguments))


def _bug(error: Exception) -> int:
    return _say(
        f"This is a bug in ringcheck, please report it: {type(error).__name__}: {_first_line(error)} "
        f"(traceback in {_keep_traceback()}).",
        BUG,
    )


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
