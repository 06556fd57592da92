"""`ringcheck cluster`: a local cluster to play with."""

import asyncio
import signal
from collections.abc import Sequence

import click

from ringcheck.addresses import check_free
from ringcheck.cluster import Cluster
from ringcheck.errors import UsageError
from ringcheck.schedule import Configuration
from ringcheck.target import Target
from ringcheck_chaos.ports import HOST
from ringcheck_chaos.toxiproxy import ServerChoice, ToxiproxyError, find_server

REPLICAS = 3
QUORUM = 2


@click.command("cluster")
@click.option("--nodes", type=click.IntRange(1, 50), default=5, show_default=True, help="How many nodes.")
@click.option(
    "--base-port",
    type=click.IntRange(1024, 65_000),
    metavar="PORT",
    help="The first node listens there, the others on the ports after it; free ones if not given.",
)
@click.option("--toxiproxy", metavar="PATH|URL|embedded", help="Which Toxiproxy server to use.")
@click.argument("target", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND … {config}]")
def command(nodes: int, base_port: int | None, toxiproxy: str | None, target: tuple[str, ...]) -> None:
    """Start a local cluster, say how to talk to it, and run it until Ctrl-C or SIGTERM; that is its end, exit code 0.

    COMMAND starts one node, as in `ringcheck run`; without it the nodes are the reference's. All data are
    gone when the cluster ends.
    """
    try:
        server = find_server(toxiproxy)
    except ToxiproxyError as error:
        raise UsageError(str(error)) from None
    quorum = min(QUORUM, nodes)
    configuration = Configuration(nodes=nodes, n=min(REPLICAS, nodes), r=quorum, w=quorum)
    ports = range(base_port, base_port + nodes) if base_port else ()
    for port in ports:
        check_free(f"{HOST}:{port}")
    asyncio.run(_run(Target.from_command(target), configuration, server, ports))


async def _run(target: Target, configuration: Configuration, server: ServerChoice, ports: Sequence[int]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    starting = asyncio.create_task(Cluster.start(target, configuration, server, listen=ports))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait((starting, stopped), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait((starting,))
        return
    async with await starting as cluster:
        click.echo(introduction(cluster))
        cluster.watch(lambda node: click.echo(f"{node.how_it_ended()}; it is not started again.", err=True))
        await stopped
        click.echo("Stopping …")
    click.echo("All nodes are gone.")


def introduction(cluster: Cluster) -> str:
    """What a cluster is, where its nodes listen, and how to talk to them."""
    configuration = cluster.configuration
    addresses = {node.id: node.address for node in cluster.nodes.values()}
    first = next(iter(addresses.values()))
    about = next(iter(cluster.descriptions.values()))
    listed = "\n".join(f"  {node}  {address}" for node, address in addresses.items())
    return f"""\
{configuration.nodes} nodes of {about.implementation} {about.version}, \
N={configuration.n} R={configuration.r} W={configuration.w}:
{listed}

With grpcurl (bytes are base64; aGVsbG8= is hello):
  grpcurl -plaintext -d '{{"key": "aGVsbG8="}}' {first} dynamo_node.v1.KeyValue/Get

With Python:
  import grpc
  from dynamo_node.v1 import key_value_pb2, key_value_pb2_grpc
  store = key_value_pb2_grpc.KeyValueStub(grpc.insecure_channel("{first}"))
  store.Put(key_value_pb2.PutRequest(key=b"hello", value=b"world"))
  answer = store.Get(key_value_pb2.GetRequest(key=b"hello"))
  print(list(answer.values), answer.context)

Ctrl-C ends it, and its data with it."""
