"""`ringcheck cluster`: a local cluster to play with, and the commands that talk to a running one."""

import asyncio
import contextlib
import shlex
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import click

from ringcheck.addresses import check_free
from ringcheck.cluster import Cluster
from ringcheck.commands.operate import SUBCOMMANDS
from ringcheck.commands.sizes import NODES
from ringcheck.errors import UsageError
from ringcheck.judging import words
from ringcheck.node import CONNECT_S, Node
from ringcheck.operating.book import USUAL, BookFile, keep_book
from ringcheck.schedule import Configuration
from ringcheck.stopping import interrupt_is_its_end
from ringcheck.target import PLACEHOLDER, Target
from ringcheck_chaos.ports import HOST
from ringcheck_chaos.toxiproxy import ToxiproxyError, find_server

REPLICAS = 3
QUORUM = 2


START = "start"
"""What is meant when no other command is named; nobody needs to type it."""


class ClusterCommands(click.Group):
    """Commands for running clusters, beside what `ringcheck cluster` does alone: to start one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take what names no command for options and target of a new cluster."""
        if not args or args[0].startswith("-") or any(PLACEHOLDER in each for each in args):
            args = args if args[:1] == [START] else [START, *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; a name that is none is told with those that are."""
        if args[0] not in self.commands:
            names = ", ".join(each for each in self.commands if each != START)
            raise UsageError(
                f"There is no command {args[0]!r} for a cluster; there are {names}, and a node's command, which holds "
                f"{PLACEHOLDER}, after --."
            )
        return super().resolve_command(ctx, args)


class StartCommand(click.Command):
    """Its help is that of the whole group."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Two usages, neither with the name that nobody types."""
        assert ctx.parent is not None
        path = ctx.parent.command_path
        formatter.write_usage(path, "[OPTIONS] [-- COMMAND … {config}]")
        formatter.write_usage(path, "COMMAND [OPTIONS] [ARGUMENTS]", prefix="       ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options, and then the commands for a cluster that runs."""
        super().format_options(ctx, formatter)
        with formatter.section("Commands for a cluster that runs, whoever started it"):
            formatter.write_dl([(each.name or "", _about(each)) for each in SUBCOMMANDS])


def _about(command: click.Command) -> str:
    """The first paragraph of its help."""
    return " ".join((command.help or "").partition("\n\n")[0].split())


@click.command(START, cls=StartCommand)
@click.option("--nodes", type=NODES, default=5, show_default=True, help="How many nodes.")
@click.option(
    "--spares",
    type=click.IntRange(0, 10),
    default=0,
    show_default=True,
    help="How many more to start that are no members yet, for `ringcheck cluster join`.",
)
@click.option(
    "--base-port",
    type=click.IntRange(1024, 65_000),
    metavar="PORT",
    help="The first node listens there, the others on the ports after it; free ones if not given.",
)
@click.option("--toxiproxy", metavar="PATH|URL|embedded", help="Which Toxiproxy server to use.")
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=f"Where to say, while it runs, where its nodes are; ./{USUAL} if not given.",
)
@click.option(
    "--metrics/--no-metrics", default=True, show_default=True, help="Tell each node an address to serve metrics at."
)
@click.argument("target", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND … {config}]")
@interrupt_is_its_end()
def start(
    nodes: int,
    spares: int,
    base_port: int | None,
    toxiproxy: str | None,
    file: Path | None,
    metrics: bool,
    target: tuple[str, ...],
) -> None:
    """Start a local cluster, say how to talk to it, and run it until Ctrl-C or SIGTERM; that is its end, exit code 0.

    COMMAND starts one node, as in `ringcheck run`; without it the nodes are the reference's. All data are
    gone when the cluster ends.

    The commands below talk to a cluster that runs, this one or any other of the contract: they find its nodes by
    --node, by the variable RINGCHECK_NODE, or by the file that a cluster of `ringcheck cluster` keeps in its folder.
    """
    try:
        server = find_server(toxiproxy)
    except ToxiproxyError as error:
        raise UsageError(str(error)) from None
    quorum = min(QUORUM, nodes)
    configuration = Configuration(nodes=nodes, n=min(REPLICAS, nodes), r=quorum, w=quorum)
    ports = range(base_port, base_port + nodes + spares) if base_port else ()
    for port in ports:
        check_free(f"{HOST}:{port}")
    starting = partial(
        Cluster.start,
        Target.from_command(target),
        configuration,
        server,
        listen=ports,
        joiners=[f"n{number}" for number in range(nodes + 1, nodes + spares + 1)],
        metrics=metrics,
    )
    with _book(file) as book:
        asyncio.run(_run(starting, book))


@contextlib.contextmanager
def _book(file: Path | None) -> Iterator[BookFile | None]:
    """The file that the user chose, or the usual one; without that one, which nobody asked for, a cluster can do."""
    with contextlib.ExitStack() as kept:
        try:
            book = kept.enter_context(keep_book(file or USUAL))
        except UsageError as error:
            if file:
                raise
            click.echo(f"{error} Until then, name nodes by --node.", err=True)
            yield None
        else:
            yield book


async def _run(start_cluster: Callable[[], Awaitable[Cluster]], book: BookFile | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    starting = asyncio.create_task(_with_spares(start_cluster))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait((starting, stopped), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait((starting,))
        return
    async with await starting as cluster:
        if book:
            book.write({node.id: node.address for node in cluster.nodes.values()})
        observed = [node for node in cluster.nodes.values() if await _is_served(node.metrics_address)]
        click.echo(introduction(cluster, finding(cluster, book), observed))
        cluster.watch(lambda node: click.echo(f"{node.how_it_ended()}; it is not started again.", err=True))
        await stopped
        click.echo("Stopping …")
    click.echo("All nodes are gone.")


async def _with_spares(start_cluster: Callable[[], Awaitable[Cluster]]) -> Cluster:
    cluster = await start_cluster()
    try:
        await cluster.restart(cluster.joiners)
    except BaseException:
        await cluster.close()
        raise
    return cluster


async def _is_served(address: str) -> bool:
    """Whether anybody listens there: a node need not serve metrics because it is told where."""
    host, _, port = address.rpartition(":")
    if not host:
        return False
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), CONNECT_S)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def finding(cluster: Cluster, book: BookFile | None) -> str:
    """The options by which a command finds this cluster; none where it looks by itself."""
    if book is None:
        return "".join(f" --node {node.address}" for node in cluster.nodes.values())
    return "" if book.path == USUAL else f" --file {shlex.quote(str(book.path))}"


def introduction(cluster: Cluster, found_by: str = "", observed: Sequence[Node] = ()) -> str:
    """What a cluster is, where its nodes listen, and how to talk to them; `found_by` are options of commands."""
    configuration = cluster.configuration
    first = next(iter(cluster.nodes.values())).address
    about = next(iter(cluster.descriptions.values()))
    listed = "\n".join(
        f"  {node.id}  {node.address}  pid {node.process.pid}"
        + ("  a spare, no member yet" if node.id in cluster.joiners else "")
        for node in cluster.nodes.values()
    )
    joining = f"\n  ringcheck cluster join {cluster.joiners[0]} --wait{found_by}" if cluster.joiners else ""
    urls = "\n".join(f"  {node.id}  http://{node.metrics_address}/metrics" for node in observed)
    metrics = f"Metrics, as Prometheus reads them:\n{urls}\n\n" if observed else ""
    return f"""\
{words.times(configuration.nodes, "node")} of {about.implementation} {about.version}, \
N={configuration.n} R={configuration.r} W={configuration.w}:
{listed}

How it is, from another terminal{"" if found_by else " in this folder"}:
  ringcheck cluster status{found_by}{joining}

{metrics}With grpcurl (bytes are base64; aGVsbG8= is hello):
  grpcurl -plaintext -d '{{"key": "aGVsbG8="}}' {first} dynamo_node.v1.KeyValue/Get

With Python:
  import grpc
  from dynamo_node.v1 import key_value_pb2, key_value_pb2_grpc
  store = key_value_pb2_grpc.KeyValueStub(grpc.insecure_channel("{first}"))
  store.Put(key_value_pb2.PutRequest(key=b"hello", value=b"world"))
  answer = store.Get(key_value_pb2.GetRequest(key=b"hello"))
  print(list(answer.values), answer.context)

Ctrl-C ends it, and its data with it."""


command = ClusterCommands("cluster", commands=[start, *SUBCOMMANDS])
