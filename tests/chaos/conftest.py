"""Both Toxiproxy servers, and something to talk to behind them."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
import requests

from ringcheck_chaos.ports import lease

BINARY = os.environ.get("RINGCHECK_TOXIPROXY_SERVER") or shutil.which("toxiproxy-server")
SERVERS = [
    "embedded",
    pytest.param(
        "toxiproxy",
        marks=pytest.mark.skipif(
            BINARY is None, reason="no toxiproxy-server on PATH, and RINGCHECK_TOXIPROXY_SERVER names none"
        ),
    ),
]
DEADLINE_S = 30.0
"""What takes milliseconds may take seconds on a machine with more to do."""

Connect: TypeAlias = Callable[[str], "Joined"]
Exactly: TypeAlias = Callable[[socket.socket, int], bytes]
Joined: TypeAlias = tuple[socket.socket, socket.socket]
Until: TypeAlias = Callable[..., None]


@pytest.fixture(scope="module", params=SERVERS)
def server_choice(request: pytest.FixtureRequest) -> str:
    """What `--toxiproxy` would be given: the word `embedded`, or the path of a foreign server."""
    return "embedded" if request.param == "embedded" else str(BINARY)


@pytest.fixture(scope="module")
def server_url(server_choice: str) -> Iterator[str]:
    """The URL of a server, one of each kind for a whole module."""
    with lease(1) as lease_of_one:
        port = lease_of_one.ports[0]
        embedded = [sys.executable, "-m", "ringcheck_chaos.embedded"]
        argv = embedded if server_choice == "embedded" else [server_choice]
        argv += ["-host", "127.0.0.1", "-port", str(port)]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, env={**os.environ, "LOG_LEVEL": "panic"}) as server:
            try:
                wait_until(lambda: accepts(port))
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()


class Api:
    """Raw HTTP to a server: what goes over the wire, with nothing of our own client in between."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def __call__(self, method: str, path: str, json: object = None, **options: Any) -> requests.Response:
        """Send one request; statuses are for the caller to judge."""
        return self.session.request(method, self.url + path, json=json, timeout=DEADLINE_S, **options)

    def proxy(self, name: str, upstream: str, **members: object) -> dict[str, Any]:
        """Create a proxy, which must succeed, and return what the server says of it."""
        body = {"name": name, "listen": "127.0.0.1:0", "upstream": upstream, **members}
        answer = self("POST", "/proxies", body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def toxic(self, proxy: str, kind: str, stream: str = "downstream", **attributes: int) -> None:
        """Add a toxic named after its type, which must succeed."""
        body = {"name": kind, "type": kind, "stream": stream, "attributes": attributes}
        answer = self("POST", f"/proxies/{proxy}/toxics", body)
        assert answer.status_code == 200, answer.text


@pytest.fixture
def api(server_url: str) -> Iterator[Api]:
    """The server's HTTP API, without any proxy before and after."""
    api = Api(server_url)
    yield api
    for name in api("GET", "/proxies").json():
        assert api("DELETE", f"/proxies/{name}").status_code == 204
    api.session.close()


class Upstream:
    """A TCP server whose accepted connections a test takes with `accept`."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(DEADLINE_S)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.opened: list[socket.socket] = []

    def accept(self) -> socket.socket:
        """The next connection."""
        connection, _ = self.listener.accept()
        connection.settimeout(DEADLINE_S)
        self.opened.append(connection)
        return connection

    def close(self) -> None:
        """Close all."""
        for connection in [self.listener, *self.opened]:
            connection.close()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A TCP server to put behind a proxy."""
    with contextlib.closing(Upstream()) as upstream:
        yield upstream


@pytest.fixture
def connect(api: Api, upstream: Upstream) -> Iterator[Connect]:
    """Opens a connection through the proxy of a name; gives both of its ends: the client's, the upstream's."""
    with contextlib.ExitStack() as stack:

        def through(name: str) -> Joined:
            host, _, port = api("GET", f"/proxies/{name}").json()["listen"].rpartition(":")
            client = stack.enter_context(socket.create_connection((host, int(port)), timeout=DEADLINE_S))
            return client, upstream.accept()

        yield through


@pytest.fixture
def exactly() -> Exactly:
    """Reads so many bytes; fewer if the connection ends."""

    def read(connection: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size and (more := connection.recv(size - len(data))):
            data += more
        return data

    return read


@pytest.fixture
def until() -> Until:
    """Waits for a condition, and fails if it does not come true."""
    return wait_until


def wait_until(condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
    """Wait for a condition; AssertionError if it does not come true."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.005)


def accepts(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0
