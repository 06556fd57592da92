"""`python -m ringcheck_reference CONFIG`: run one reference node."""

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
def main(config: Path) -> None:
    """Run one node of a Dynamo-style store until SIGTERM.

    CONFIG is a file that holds a dynamo_node.v1.NodeConfig in protobuf's JSON mapping. The node logs to stderr;
    RINGCHECK_LOG sets how much (debug, info, warning, error).

    It ends with 0 after a graceful stop, 2 when the configuration is wrong, 3 when it cannot serve: its address is
    taken, or its data directory is in use or of a newer format.
    """
    # A stop that comes before there is anything to stop is a graceful one too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # Only here, so that help and mistakes on the command line do not wait for gRPC.
    from ringcheck_reference.shell.main import serve

    sys.exit(serve(config))


if __name__ == "__main__":
    main(prog_name="python -m ringcheck_reference")
