"""`python -m ringcheck_reference CONFIG`: run one reference node."""

import os
import signal
import sys
from pathlib import Path

import click


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"ringcheck-reference {version('ringcheck')}")
        context.exit()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Say it and stop."
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    envvar="RINGCHECK_LOG_FORMAT",
    show_envvar=True,
    show_default=True,
    help="Lines to read, or JSON objects with time, level, node, event and fields.",
)
def main(config: Path, log_format: str) -> None:
    """Run one node of a Dynamo-style store until SIGTERM.

    CONFIG is a file that holds a dynamo_node.v1.NodeConfig in protobuf's JSON mapping. The node logs to stderr;
    RINGCHECK_LOG sets how much (debug, info, warning, error).

    After SIGTERM, or Ctrl-C, it takes no calls any more, hands over what it keeps for nodes within reach, for five
    seconds at most, and ends with 0.

    It ends with 2 when the configuration is wrong, 3 when it cannot serve: its address is taken, or its data
    directory is in use or of a newer format.
    """
    # A stop that comes before there is anything to stop is a graceful one too. Nothing is to be cleaned up yet, and
    # whatever is being imported must not catch it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    # Whoever became this process may have kept them back until now.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))
    # Only here, so that help and mistakes on the command line do not wait for gRPC.
    from ringcheck_reference.shell.main import serve

    sys.exit(serve(config, json_logs=log_format == "json"))


if __name__ == "__main__":
    main(prog_name="python -m ringcheck_reference")
