"""Starting the Toxiproxy server that was chosen, and making sure that the one that answers is the one we started."""

import asyncio
import os
import time
from pathlib import Path

import msgspec

from ringcheck_chaos.processes import Supervisor
from ringcheck_chaos.toxiproxy import ServerChoice, Toxiproxy, ToxiproxyError, UnreachableError

READY_S = 15.0
POLL_S = 0.01


async def start_server(choice: ServerChoice, supervisor: Supervisor, port: int, folder: Path) -> str:
    """Start the chosen server on a leased port of 127.0.0.1, wait until it answers, and return its URL.

    A server at a URL is only asked whether it answers. `folder` takes the log and a small configuration. Raises
    ToxiproxyError or ProcessError with one clear sentence.
    """
    if choice.kind == "url":
        await asyncio.to_thread(_version, choice.where)
        return choice.where
    url = f"http://127.0.0.1:{port}"
    # A Toxiproxy whose port is taken goes on without an API, and the port's holder would answer in its place: only
    # ours knows a proxy of this name.
    nonce = f"ringcheck-{os.urandom(8).hex()}"
    config = folder / "toxiproxy.json"
    config.write_bytes(
        msgspec.json.encode([{"name": nonce, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "enabled": False}])
    )
    server = supervisor.process("toxiproxy", choice.argv(port, config), log_path=folder / "toxiproxy.log")
    await server.start()
    deadline = time.monotonic() + READY_S
    while (ours := await asyncio.to_thread(_knows, url, nonce)) is None:
        if not server.running or time.monotonic() > deadline:
            seen = f"ended with {server.returncode}" if not server.running else f"gave no answer in {READY_S:.0f} s"
            wrote = server.log_tail(5)
            said = f"it wrote: {wrote}" if wrote else "it wrote nothing"
            raise ToxiproxyError(
                f"The Toxiproxy server {choice.where or choice.kind} {seen}; is it a toxiproxy-server? {said}"
            )
        await asyncio.sleep(POLL_S)
    if not ours:
        raise ToxiproxyError(f"Another Toxiproxy server than the one that was started answers at {url}; end it.")
    return url


def _version(url: str) -> str:
    client = Toxiproxy(url)
    try:
        return client.version(timeout=5.0)
    finally:
        client.close()


def _knows(url: str, nonce: str) -> bool | None:
    """Whether the server knows our proxy, which it may forget then; None if nobody answers yet.

    Both servers create the proxies of their configuration before they answer.
    """
    client = Toxiproxy(url)
    try:
        if nonce not in client.proxies():
            return False
        client.destroy(nonce)
    except UnreachableError:
        return None
    finally:
        client.close()
    return True
