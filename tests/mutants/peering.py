"""Run the reference node with a bug in how it listens to peers: `python tests/mutants/peering.py NAME CONFIG`.

These bugs are about what stands on the wire, so only processes can have them: they are no kits of the simulated world,
and not in its matrix. Each must fail PEER-02.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bugs.bug import replace  # type: ignore[import-not-found]  # found beside this script, whatever the working folder

from dynamo_node.v1 import peer_pb2
from ringcheck_reference.core.clients import Clients
from ringcheck_reference.core.messages import Caller, Forward
from ringcheck_reference.shell import translate
from ringcheck_reference.shell.inbound import Inbound
from ringcheck_reference.shell.main import serve


class EndOfServiceError(BaseException):
    """Nothing catches it on its way out of a stream."""


def forwards_twice() -> None:
    """A forward that comes again is carried out again."""

    def forwarded(clients: Clients, caller: Caller, request: int, write: Forward) -> None:
        clients._forwards.clear()
        honest(clients, caller, request, write)

    honest = replace(Clients, "forwarded", forwarded)


def any_incarnation() -> None:
    """A forward for another run of the node is carried out."""

    def forwarded(clients: Clients, caller: Caller, request: int, write: Forward) -> None:
        ours = Forward(clients._desk.incarnation, write.key, write.value, write.context, write.w)
        honest(clients, caller, request, ours)

    honest = replace(Clients, "forwarded", forwarded)


def stream_ends() -> None:
    """An envelope without a body ends the stream that it came on."""
    _at_empty_envelopes(EndOfServiceError)


def node_ends() -> None:
    """An envelope without a body ends the node."""
    _at_empty_envelopes(lambda: os._exit(3))


def takes_anything() -> None:
    """A version that is not in the context of its state is taken all the same."""

    def from_wire(message: peer_pb2.State) -> Any:
        whole = peer_pb2.State()
        whole.CopyFrom(message)
        whole.context.loose.extend(version.dot for version in message.versions)
        return honest(whole)

    honest = translate.state_from_wire
    translate.state_from_wire = from_wire


def _at_empty_envelopes(fail: Callable[[], Any]) -> None:
    def take(inbound: Inbound, stream: Any, request: peer_pb2.ExchangeRequest) -> None:
        if request.WhichOneof("body") is None and (failure := fail()) is not None:
            raise failure
        honest(inbound, stream, request)

    honest = replace(Inbound, "_take", take)


BUGS: dict[str, Callable[[], None]] = {
    "forwards-twice": forwards_twice,
    "any-incarnation": any_incarnation,
    "stream-ends": stream_ends,
    "node-ends": node_ends,
    "takes-anything": takes_anything,
}


def main() -> int:
    """Returns the exit code of the node; 2 for a bug that is not known."""
    bugs = "; ".join(f"{name}: {plant.__doc__}" for name, plant in BUGS.items())
    parser = argparse.ArgumentParser(description="Run the reference node with a bug in how it listens to peers.")
    parser.add_argument("name", choices=BUGS, metavar="NAME", help=bugs)
    parser.add_argument("config", type=Path, metavar="CONFIG", help="path of a NodeConfig in JSON")
    arguments = parser.parse_args()
    BUGS[arguments.name]()
    return serve(arguments.config)


if __name__ == "__main__":
    sys.exit(main())
