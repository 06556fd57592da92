"""Where our server is stricter or more patient than the foreign one, which these requests kill or block."""

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.chaos.conftest import Api, Connect, Exactly, Upstream


@pytest.fixture(scope="module")
def server_choice() -> str:
    """Ours alone."""
    return "embedded"


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("bandwidth", {"rate": -1}),
        ("latency", {"jitter": 2**62}),
        ("slicer", {}),
        ("slicer", {"average_size": 10, "size_variation": 10}),
        ("slicer", {"average_size": 10, "size_variation": -1}),
    ],
)
def test_deadly_attributes_are_refused(api: "Api", kind: str, attributes: dict[str, int]) -> None:
    """Attributes that would kill Toxiproxy are answered 400, and leave no toxic."""
    api.proxy("one", "127.0.0.1:1")
    answer = api("POST", "/proxies/one/toxics", {"type": kind, "attributes": attributes})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("bad request body: ")
    assert api("GET", "/proxies/one/toxics").json() == []


def test_deadly_update_changes_nothing(api: "Api") -> None:
    """An update to deadly attributes is answered 400, and nothing of it is taken over."""
    api.proxy("one", "127.0.0.1:1")
    api.toxic("one", "slicer", average_size=10, size_variation=5)
    answer = api("PATCH", "/proxies/one/toxics/slicer", {"toxicity": 0, "attributes": {"delay": 1, "average_size": 5}})
    assert answer.status_code == 400
    shown = api("GET", "/proxies/one/toxics/slicer").json()
    assert shown["attributes"] == {"average_size": 10, "size_variation": 5, "delay": 0}
    assert shown["toxicity"] == 1


def test_reset_under_way_does_not_hold_up_the_api(
    api: "Api", upstream: "Upstream", connect: "Connect", exactly: "Exactly"
) -> None:
    """A reset_peer that waits for a minute is removed at once, and closes its connection."""
    api.proxy("one", upstream.address)
    api.toxic("one", "reset_peer", "upstream", timeout=60_000)
    client, server = connect("one")
    # The upstream has the connection before the proxy has joined its two ends: until then it is under no toxic.
    server.sendall(b"joined")
    assert exactly(client, 6) == b"joined"
    client.sendall(b"word")
    assert api("DELETE", "/proxies/one/toxics/reset_peer").status_code == 204
    with pytest.raises(ConnectionResetError):
        server.recv(1)


def test_toxic_before_a_stall_can_be_removed(
    api: "Api", upstream: "Upstream", connect: "Connect", exactly: "Exactly"
) -> None:
    """A latency in front of a stall is removed at once, and nothing leaks through the stall."""
    api.proxy("one", upstream.address)
    api.toxic("one", "latency", "upstream", latency=50)
    api.toxic("one", "bandwidth", "upstream", rate=0)
    client, server = connect("one")
    client.sendall(b"word")
    assert api("DELETE", "/proxies/one/toxics/latency").status_code == 204
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.recv(1)
    server.settimeout(10)
    assert api("DELETE", "/proxies/one/toxics/bandwidth").status_code == 204
    assert exactly(server, 4) == b"word"


def test_no_reader_holds_up_the_api(api: "Api", upstream: "Upstream", connect: "Connect") -> None:
    """A proxy whose upstream reads nothing, as a paused process, is changed and disabled at once."""
    api.proxy("one", upstream.address)
    client, _ = connect("one")
    client.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while client.send(bytes(1 << 20)):
            pass
    api.toxic("one", "latency", "upstream", latency=50)
    assert api("DELETE", "/proxies/one/toxics/latency").status_code == 204
    assert api("PATCH", "/proxies/one", {"enabled": False}).json()["enabled"] is False


def test_proxy_without_an_address_is_local(api: "Api") -> None:
    """A proxy that is not told where to listen is not open to the network."""
    answer = api("POST", "/proxies", {"name": "one", "upstream": "127.0.0.1:1"})
    assert answer.json()["listen"].startswith("127.0.0.1:")


def test_nonsense_is_answered(server_url: str) -> None:
    """What is not HTTP gets a 400 and the end of the connection."""
    host, _, port = server_url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"good day\r\n\r\n")
        answer = b""
        while more := connection.recv(4096):
            answer += more
    assert answer.startswith(b"HTTP/1.1 400 ")
