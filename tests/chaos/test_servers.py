"""Starting a Toxiproxy server, and being sure that it is the one that was started."""

import asyncio
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from ringcheck_chaos.ports import lease
from ringcheck_chaos.processes import ProcessError, Supervisor
from ringcheck_chaos.servers import start_server
from ringcheck_chaos.toxiproxy import ServerChoice, Toxiproxy, ToxiproxyError, UnreachableError, find_server

Started: TypeAlias = Callable[..., Any]


@pytest.fixture
def started(tmp_path: Path) -> Started:
    """Starts a chosen server, on a leased port unless another is given, and looks at it while it runs."""

    async def run(choice: ServerChoice, port: int | None, look: Callable[[str], Any]) -> Any:
        folder = tmp_path / "run"
        folder.mkdir()
        with lease(1) as leased:
            async with await Supervisor.start(folder) as supervisor:
                return look(await start_server(choice, supervisor, port or leased.ports[0], folder))

    def start(choice: ServerChoice, look: Callable[[str], Any] = str, port: int | None = None) -> Any:
        return asyncio.run(run(choice, port, look))

    return start


def proxies(url: str) -> Mapping[str, object]:
    """The proxies of a server."""
    client = Toxiproxy(url)
    try:
        return client.proxies()
    finally:
        client.close()


def test_server_answers_and_ends_with_its_supervisor(server_choice: str, started: Started) -> None:
    """A started server answers at its URL, has no proxies left from its start, and ends with the run."""
    url, found = started(find_server(server_choice), lambda url: (url, proxies(url)))
    assert found == {}
    with pytest.raises(UnreachableError):
        proxies(url)


def test_another_server_on_the_port_is_not_taken_for_ours(
    server_choice: str, server_url: str, started: Started
) -> None:
    """When the port is another server's, which answers just as well, the start fails and says so."""
    port = int(server_url.rpartition(":")[2])
    with pytest.raises(
        ToxiproxyError, match=f"Another Toxiproxy server than the one that was started answers at {server_url}"
    ):
        started(find_server(server_choice), port=port)


def test_server_at_a_url_is_asked_only(server_url: str, started: Started) -> None:
    """A server that runs already is used as it is; one that does not answer is told."""
    assert started(ServerChoice("url", server_url)) == server_url


def test_server_at_a_url_that_does_not_answer(started: Started) -> None:
    """A URL at which nothing answers is an error that names it."""
    with pytest.raises(ToxiproxyError, match=re.escape("http://127.0.0.1:1")):
        started(ServerChoice("url", "http://127.0.0.1:1"))


def test_program_that_is_no_server(started: Started) -> None:
    """A program that ends at once is told with its code."""
    with pytest.raises(ToxiproxyError, match=r"The Toxiproxy server .*false ended with 1"):
        started(find_server("false"))
    with pytest.raises(ProcessError, match="toxiproxy cannot be started"):
        started(ServerChoice("binary", "/no/such/program"))
