"""What each toxic does to bytes on the wire, the same of our server and of the foreign one."""

import hashlib
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.chaos.conftest import Api, Connect, Exactly, Joined, Upstream

EPSILON_S = 0.002
"""Servers count in whole milliseconds."""

SILENCE_S = 0.1
"""How long nothing must come to say that nothing does."""


@pytest.fixture
def joined(api: "Api", upstream: "Upstream", connect: "Connect") -> "Joined":
    """Client's and upstream's end of a connection through a proxy called `one`, which has no toxics yet."""
    api.proxy("one", upstream.address)
    return connect("one")


def silent(connection: socket.socket) -> bool:
    """Whether nothing comes for a while."""
    connection.settimeout(SILENCE_S)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(10.0)
    return False


def ended(connection: socket.socket) -> bool:
    """Whether the stream ends, by FIN or RST, without another byte."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def reset(connection: socket.socket) -> bool:
    """Whether the stream ends by RST."""
    try:
        while connection.recv(1):
            pass
    except ConnectionResetError:
        return True
    return False


def test_bytes_pass_both_ways(joined: "Joined", exactly: "Exactly") -> None:
    """Without toxics everything passes, in order, both ways at once."""
    client, server = joined
    data = bytes(range(256)) * 8192
    received: dict[socket.socket, bytes] = {}

    def read(end: socket.socket) -> None:
        received[end] = exactly(end, len(data))

    senders = [threading.Thread(target=end.sendall, args=(data,)) for end in joined]
    readers = [threading.Thread(target=read, args=(end,)) for end in joined]
    for thread in senders + readers:
        thread.start()
    for thread in senders + readers:
        thread.join()
    assert received == {client: data, server: data}


@pytest.mark.parametrize("first", [0, 1])
def test_end_passes(joined: "Joined", first: int) -> None:
    """When one end closes, the other one is closed."""
    joined[first].close()
    assert ended(joined[1 - first])


def test_dead_upstream_closes_the_client(api: "Api", upstream: "Upstream") -> None:
    """A proxy whose upstream refuses accepts a client and closes it."""
    host, _ = upstream.listener.getsockname()
    listen = api.proxy("one", upstream.address)["listen"]
    upstream.close()
    with socket.create_connection((host, int(listen.rpartition(":")[2])), timeout=10) as client:
        assert ended(client)


def test_disabling_closes_connections(api: "Api", joined: "Joined") -> None:
    """A disabled proxy closes what was open."""
    api("PATCH", "/proxies/one", {"enabled": False})
    assert ended(joined[0])
    assert ended(joined[1])


def test_noop_does_nothing(api: "Api", joined: "Joined", exactly: "Exactly") -> None:
    """A noop lets everything pass."""
    api.toxic("one", "noop")
    joined[1].sendall(b"word")
    assert exactly(joined[0], 4) == b"word"


@pytest.mark.parametrize(("stream", "sender"), [("upstream", 0), ("downstream", 1)])
def test_latency_delays_its_stream(api: "Api", joined: "Joined", exactly: "Exactly", stream: str, sender: int) -> None:
    """Latency delays what flows in its stream, and nothing of the other one."""
    api.toxic("one", "latency", stream, latency=80)
    source, target = joined[sender], joined[1 - sender]
    began = time.monotonic()
    source.sendall(b"word")
    assert exactly(target, 4) == b"word"
    assert 0.08 - EPSILON_S <= time.monotonic() - began < 5
    began = time.monotonic()
    target.sendall(b"answer")
    assert exactly(source, 6) == b"answer"
    assert time.monotonic() - began < 0.08


def test_latency_does_not_limit_throughput(api: "Api", joined: "Joined", exactly: "Exactly") -> None:
    """Many chunks wait side by side, not one after another; their order stays."""
    api.toxic("one", "latency", "upstream", latency=100)
    data = bytes(range(256)) * 4096
    began = time.monotonic()
    sender = threading.Thread(target=joined[0].sendall, args=(data,))
    sender.start()
    assert exactly(joined[1], len(data)) == data
    sender.join()
    assert 0.1 - EPSILON_S <= time.monotonic() - began < 1.0


def test_jitter_keeps_order(api: "Api", joined: "Joined", exactly: "Exactly") -> None:
    """With jitter chunks arrive irregularly, and still in order."""
    api.toxic("one", "latency", "upstream", latency=10, jitter=10)
    for number in range(50):
        joined[0].sendall(bytes([number]))
        time.sleep(0.001)  # so that they are chunks of their own
    assert exactly(joined[1], 50) == bytes(range(50))


def test_removed_latency_releases_at_once(api: "Api", joined: "Joined", exactly: "Exactly") -> None:
    """What waits goes on when the latency is removed."""
    api.toxic("one", "latency", "upstream", latency=60_000)
    joined[0].sendall(b"word")
    assert silent(joined[1])
    api("DELETE", "/proxies/one/toxics/latency")
    assert exactly(joined[1], 4) == b"word"


def test_changed_latency_counts(api: "Api", joined: "Joined", exactly: "Exactly") -> None:
    """A latency that is changed delays by its new time."""
    api.toxic("one", "latency", "upstream", latency=60_000)
    api("PATCH", "/proxies/one/toxics/latency", {"attributes": {"latency": 50}})
    began = time.monotonic()
    joined[0].sendall(b"word")
    assert exactly(joined[1], 4) == b"word"
    assert 0.05 - EPSILON_S <= time.monotonic() - began < 5


def test_bandwidth_limits_the_rate(api: "Api", joined: "Joined", exactly: "Exactly") -> None:
    """100 kB at 200 kB/s take half a second."""
    api.toxic("one", "bandwidth", "upstream", rate=200)
    began = time.monotonic()
    joined[0].sendall(bytes(100_000))
    assert len(exactly(joined[1], 100_000)) == 100_000
    assert 0.5 - 0.05 <= time.monotonic() - began < 1.0


def test_bandwidth_zero_stalls_without_loss(api: "Api", joined: "Joined", exactly: "Exactly") -> None:
    """At rate 0 nothing passes, the sender is held back at last, and after removal not a byte is missing."""
    api.toxic("one", "bandwidth", "upstream", rate=0)
    data = bytes(range(256)) * 128 * 1024
    sender = threading.Thread(target=joined[0].sendall, args=(data,))
    sender.start()
    assert silent(joined[1])
    assert sender.is_alive(), "32 MiB were taken in by a proxy that must not read on"
    assert api("DELETE", "/proxies/one/toxics/bandwidth").status_code == 204
    assert hashlib.sha256(exactly(joined[1], len(data))).digest() == hashlib.sha256(data).digest()
    sender.join()


def test_stall_of_one_stream_leaves_the_other(api: "Api", joined: "Joined", exactly: "Exactly") -> None:
    """What flows the other way is not held up by a stall."""
    api.toxic("one", "bandwidth", "upstream", rate=0)
    joined[0].sendall(b"word")
    joined[1].sendall(b"answer")
    assert exactly(joined[0], 6) == b"answer"
    assert silent(joined[1])


def test_slow_close_delays_the_end(api: "Api", joined: "Joined", exactly: "Exactly") -> None:
    """The end of a stream arrives late, what came before it does not."""
    api.toxic("one", "slow_close", "downstream", delay=150)
    began = time.monotonic()
    joined[1].sendall(b"word")
    joined[1].close()
    assert exactly(joined[0], 4) == b"word"
    assert time.monotonic() - began < 0.15
    assert ended(joined[0])
    assert 0.15 - EPSILON_S <= time.monotonic() - began < 5


def test_timeout_zero_drops_and_closes_when_removed(api: "Api", joined: "Joined", exactly: "Exactly") -> None:
    """Bytes vanish, the connection stays; it is closed when the toxic is removed, since it has a hole."""
    api.toxic("one", "timeout", "upstream", timeout=0)
    joined[0].sendall(b"lost")
    assert silent(joined[1])
    joined[1].sendall(b"answer")
    assert exactly(joined[0], 6) == b"answer"
    api("DELETE", "/proxies/one/toxics/timeout")
    assert ended(joined[1])
    assert ended(joined[0])


def test_timeout_closes_what_is_idle(api: "Api", joined: "Joined") -> None:
    """A positive timeout closes once nothing has come for so long: whoever chatters is kept waiting."""
    api.toxic("one", "timeout", "upstream", timeout=200)
    began = time.monotonic()
    while time.monotonic() < began + 0.4:
        last = time.monotonic()
        joined[0].sendall(b"x")
        time.sleep(0.02)
    assert ended(joined[1])
    assert 0.2 - EPSILON_S <= time.monotonic() - last < 5


def test_timeout_of_toxicity_zero_lets_pass(api: "Api", joined: "Joined", exactly: "Exactly") -> None:
    """A toxic whose toxicity is changed to 0 concerns no connection any more, and closes none."""
    api.toxic("one", "timeout", "upstream", timeout=0)
    api("PATCH", "/proxies/one/toxics/timeout", {"toxicity": 0})
    joined[0].sendall(b"word")
    assert exactly(joined[1], 4) == b"word"


def test_reset_peer_resets_new_connections(api: "Api", upstream: "Upstream", connect: "Connect") -> None:
    """A connection opened under reset_peer is reset at its first byte."""
    api.proxy("one", upstream.address)
    api.toxic("one", "reset_peer", "upstream", timeout=0)
    client, server = connect("one")
    client.sendall(b"word")
    assert reset(server)
    assert reset(client)


def test_reset_peer_waits(api: "Api", upstream: "Upstream", connect: "Connect") -> None:
    """The reset comes `timeout` after the first byte, which nobody sees."""
    api.proxy("one", upstream.address)
    api.toxic("one", "reset_peer", "upstream", timeout=100)
    client, server = connect("one")
    began = time.monotonic()
    client.sendall(b"word")
    with pytest.raises(ConnectionResetError):
        server.recv(1)
    assert 0.1 - EPSILON_S <= time.monotonic() - began < 5


def test_limited_answer_can_end_in_a_reset(
    api: "Api", upstream: "Upstream", connect: "Connect", exactly: "Exactly"
) -> None:
    """reset_peer of toxicity 0 and limit_data on a new connection: so many bytes, then RST."""
    api.proxy("one", upstream.address)
    api("POST", "/proxies/one/toxics", {"type": "reset_peer", "toxicity": 0})
    api.toxic("one", "limit_data", "downstream", bytes=7)
    client, server = connect("one")
    server.sendall(b"more than seven")
    assert exactly(client, 7) == b"more th"
    assert reset(client)


def test_slicer_cuts(api: "Api", joined: "Joined") -> None:
    """Slices of the average size arrive one by one, and together they are what was sent."""
    api.toxic("one", "slicer", "upstream", average_size=10, size_variation=3, delay=10_000)
    joined[0].sendall(bytes(range(100)))
    slices: list[bytes] = []
    while sum(map(len, slices)) < 100:
        slices.append(joined[1].recv(100))
    assert b"".join(slices) == bytes(range(100))
    assert len(slices) >= 100 / 13 / 2


def test_limit_data_passes_so_many_bytes(api: "Api", joined: "Joined", exactly: "Exactly") -> None:
    """Exactly the limit passes, over any number of writes; then the connection ends."""
    api.toxic("one", "limit_data", "downstream", bytes=10)
    joined[1].sendall(b"seven b")
    assert exactly(joined[0], 7) == b"seven b"
    joined[1].sendall(b"and more")
    assert exactly(joined[0], 3) == b"and"
    assert ended(joined[0])


def test_limit_can_be_raised(api: "Api", joined: "Joined", exactly: "Exactly") -> None:
    """Raised before it is reached, the limit counts from when the toxic was added."""
    api.toxic("one", "limit_data", "downstream", bytes=10)
    joined[1].sendall(b"seven b")
    assert exactly(joined[0], 7) == b"seven b"
    api("PATCH", "/proxies/one/toxics/limit_data", {"attributes": {"bytes": 12}})
    joined[1].sendall(b"and more")
    assert exactly(joined[0], 5) == b"and m"
    assert ended(joined[0])


def test_toxics_work_in_a_row(api: "Api", joined: "Joined", exactly: "Exactly") -> None:
    """Two latencies add up, and a limit behind them holds."""
    api.toxic("one", "latency", "upstream", latency=40)
    second = {"type": "latency", "name": "second", "stream": "upstream", "attributes": {"latency": 40}}
    assert api("POST", "/proxies/one/toxics", second).ok
    api.toxic("one", "limit_data", "upstream", bytes=4)
    began = time.monotonic()
    joined[0].sendall(b"words")
    assert exactly(joined[1], 4) == b"word"
    assert 0.08 - EPSILON_S <= time.monotonic() - began < 5
    assert ended(joined[1])


def test_connection_opened_later_suffers_too(
    api: "Api", upstream: "Upstream", connect: "Connect", exactly: "Exactly"
) -> None:
    """Toxics concern connections that are opened while they are there."""
    api.proxy("one", upstream.address)
    api.toxic("one", "latency", "downstream", latency=60)
    client, server = connect("one")
    began = time.monotonic()
    server.sendall(b"word")
    assert exactly(client, 4) == b"word"
    assert time.monotonic() - began >= 0.06 - EPSILON_S
