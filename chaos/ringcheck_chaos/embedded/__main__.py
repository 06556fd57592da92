"""`python -m ringcheck_chaos.embedded`: a server with Toxiproxy's API, until SIGTERM or SIGINT."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path
from random import Random
from typing import Any

from ringcheck_chaos.embedded import fields
from ringcheck_chaos.embedded.api import VERSION, Api
from ringcheck_chaos.embedded.errors import ApiError
from ringcheck_chaos.embedded.http import HttpServer

USAGE = 2
"""Exit code when the server cannot start as it was asked to."""


def main() -> None:
    """Serve; exit with one sentence and code 2 if that is not possible."""
    options = _options()
    try:
        proxies = _proxies(options.config) if options.config else []
        asyncio.run(serve(options.host, options.port, Random(options.seed), proxies))
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(USAGE)


class StartError(Exception):
    """The server cannot start as it was asked to."""


async def serve(host: str, port: int, random: Random, proxies: Any) -> None:
    """Create `proxies` as `POST /populate` would, and serve the API until SIGTERM or SIGINT; raises StartError."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    api = Api(random)
    http = HttpServer(api.handle)
    try:
        _, failure = await api.populate(proxies)
        if failure:
            raise StartError(f"Cannot create the proxies of the configuration: {failure.message}.")
        try:
            port = await http.listen(host, port)
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            raise StartError(f"Cannot serve Toxiproxy's API on {host}:{port}: {reason}; choose another.") from None
        sys.stdout.write(f"ringcheck's embedded Toxiproxy serves its API on http://{host}:{port}\n")
        sys.stdout.flush()
        await stopping.wait()
    finally:
        await http.close()
        api.close()


def _proxies(config: Path) -> Any:
    """The proxies that a file lists, not looked at yet; raises StartError."""
    try:
        return fields.decode(config.read_bytes())
    except OSError as error:
        raise StartError(f"Cannot read the proxies in {config}: {error.strerror}.") from None
    except ApiError as error:
        raise StartError(f"{config} is no list of proxies: {error.message}.") from None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m ringcheck_chaos.embedded", description="A server with Toxiproxy's API."
    )
    # One dash is what toxiproxy-server takes.
    parser.add_argument("--host", "-host", default="127.0.0.1", help="address of the API (127.0.0.1)")
    parser.add_argument("--port", "-port", type=int, default=8474, help="port of the API (8474)")
    parser.add_argument("--config", "-config", type=Path, help="JSON file with proxies to create, as for /populate")
    parser.add_argument("--seed", "-seed", type=int, default=0, help="seed of jitter, slices and toxicity (0)")
    parser.add_argument("--version", "-version", action="version", version=f"ringcheck's embedded Toxiproxy {VERSION}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
