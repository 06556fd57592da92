"""`ringcheck node`: one reference node in the foreground."""

import contextlib
import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import click
from google.protobuf import json_format

from dynamo_node.v1 import config_pb2
from ringcheck.addresses import check_free
from ringcheck.errors import UsageError
from ringcheck.node import node_config
from ringcheck.schedule import Configuration
from ringcheck.stopping import interrupt_is_its_end
from ringcheck.target import Target

NODE_ID = "n1"


@click.command("node")
@click.argument("config", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:20100", show_default=True, help="Where it listens.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("ringcheck-node"),
    show_default=True,
    metavar="DIR",
    help="What it must not forget; a node that is started again with the same folder goes on where it stopped.",
)
@click.option("--metrics", default="", metavar="HOST:PORT", help="Where it serves metrics; nowhere if not given.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    help="Lines to read, or JSON objects; RINGCHECK_LOG_FORMAT or text if not given.",
)
@click.pass_context
@interrupt_is_its_end()
def command(
    context: click.Context, config: Path | None, listen: str, data: Path, metrics: str, log_format: str | None
) -> None:
    """Run one reference node until Ctrl-C or SIGTERM, which end it gracefully, with exit code 0.

    CONFIG holds a dynamo_node.v1.NodeConfig in protobuf's JSON mapping. Without it the node is a ring of its own,
    made by the options below.
    """
    if config is None:
        with _claimed(data):
            _become(_write_config(listen, data, metrics), log_format)
    elif given := [name for name in ("listen", "data", "metrics") if _was_given(context, name)]:
        raise UsageError(f"{config} says already what --{given[0]} says; give one of the two.")
    else:
        _become(config, log_format)


def _become(config: Path, log_format: str | None) -> None:
    """Check what is certainly wrong, and let the node take our place."""
    given_config = _read(config)
    address, observed = given_config.listen_address, given_config.metrics_address
    if not address:
        raise UsageError(f"{config} names no listen_address; give host and port there, as in 127.0.0.1:20100.")
    check_free(address)
    if observed:
        check_free(observed)
    told = f" with http://{observed}/metrics" if observed else ""
    if (log_format or os.environ.get("RINGCHECK_LOG_FORMAT")) != "json":  # then every line is for programs
        click.echo(f"Starting a reference node on {address}{told}; Ctrl-C ends it.", err=True)
    argv = Target.from_command().argv(config.absolute())
    if log_format:
        argv = (*argv, "--log-format", log_format)
    # The node takes our place: signals, terminal and exit code are its own. A wish to stop that comes while it does
    # so waits until the node can take it.
    former = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        os.execv(argv[0], argv)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _write_config(listen: str, data: Path, metrics: str) -> Path:
    """Make the folder of a single-node ring, and in it the configuration."""
    configuration = Configuration(nodes=1, n=1, r=1, w=1)
    store = data.absolute() / "store"
    message = node_config(NODE_ID, configuration, address=listen, address_book={NODE_ID: listen}, data=store)
    message.metrics_address = metrics
    path = data / "node.json"
    try:
        store.mkdir(parents=True, exist_ok=True)
        path.write_text(json_format.MessageToJson(message, preserving_proto_field_name=True), "utf-8")
    except OSError as error:
        raise _unwritable(data, error) from None
    return path


@contextlib.contextmanager
def _claimed(data: Path) -> Iterator[None]:
    """Take the folder for the node, which inherits the lock: its configuration is not to be overwritten by another."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise _unwritable(data, error) from None
    try:
        os.set_inheritable(descriptor, True)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told = f"A node runs in the folder {data}; stop it, or name another one with --data DIR."
            raise UsageError(told) from None
        yield
    finally:
        os.close(descriptor)


def _unwritable(data: Path, error: OSError) -> UsageError:
    return UsageError(f"The folder {data} cannot be written ({error.strerror}); name another one with --data DIR.")


def _read(path: Path) -> config_pb2.NodeConfig:
    try:
        return json_format.Parse(path.read_text("utf-8"), config_pb2.NodeConfig())
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}; name a file with a NodeConfig.") from None
    except (UnicodeDecodeError, json_format.ParseError) as error:
        # Which fields there are besides is for programmers.
        reason = " ".join(str(error).partition("Available Fields")[0].split()).rstrip(".")
        raise UsageError(
            f"{path} holds no NodeConfig ({reason}); give a file with a dynamo_node.v1.NodeConfig in JSON."
        ) from None


def _was_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
