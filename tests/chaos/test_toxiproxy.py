"""The client that lets no error pass, and the choice of a server."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ringcheck_chaos.toxiproxy import (
    Consumer,
    ExistsError,
    MissingError,
    RefusedError,
    ServerChoice,
    Toxiproxy,
    ToxiproxyError,
    UnreachableError,
    find_server,
)

if TYPE_CHECKING:
    from tests.chaos.conftest import Api, Upstream


@pytest.fixture
def client(server_url: str, api: "Api") -> Iterator[Toxiproxy]:
    """A client of a server that has no proxies."""
    client = Toxiproxy(server_url)
    yield client
    client.close()


def test_everything_that_links_need(client: Toxiproxy) -> None:
    """Proxies are created many at a time, enabled, shown, and destroyed; toxics added, updated and removed."""
    client.populate([{"name": "one", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}])
    client.set_enabled("one", False)
    client.add_toxic("one", "slow", "latency", "upstream", {"latency": 5})
    client.update_toxic("one", "slow", {"jitter": 2})
    shown = client.proxies()["one"]
    assert shown.enabled is False
    assert shown.toxics["slow"].attributes == {"latency": 5, "jitter": 2}
    client.remove_toxic("one", "slow")
    assert client.proxies()["one"].toxics == {}
    client.destroy("one")
    assert client.proxies() == {}


def test_errors_are_raised_by_kind(client: Toxiproxy, upstream: "Upstream") -> None:
    """What is missing, what exists and what fails are errors of their own, with the server's reason."""
    with pytest.raises(MissingError, match="404: proxy not found"):
        client.destroy("nobody")
    client.populate([{"name": "one", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}])
    client.add_toxic("one", "x", "noop", "upstream", {})
    with pytest.raises(ExistsError, match="409: toxic already exists"):
        client.add_toxic("one", "x", "noop", "downstream", {})
    with pytest.raises(RefusedError, match=r"500: listen tcp .* address already in use") as caught:
        client.populate([{"name": "two", "listen": upstream.address, "upstream": "127.0.0.1:1"}])
    assert caught.value.status == 500


def test_attributes_are_sent_as_integers(client: Toxiproxy) -> None:
    """A float that is whole reaches a server that knows integers alone."""
    client.populate([{"name": "one", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}])
    client.add_toxic("one", "slow", "latency", "upstream", {"latency": 100.0})  # type: ignore[dict-item]
    assert client.proxies()["one"].toxics["slow"].attributes["latency"] == 100


def test_environment_is_not_obeyed(client: Toxiproxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment is not asked about servers on this machine."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert re.fullmatch(r"2\.12\.0|git", client.version())


def test_old_server_is_patched_by_post(server_url: str, api: "Api", monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that knows no PATCH is asked again by POST; other refusals are raised."""
    api.proxy("one", "127.0.0.1:1")
    consumer = Consumer(server_url)
    asked: list[str] = []
    request = consumer.request

    def old(method: str, path: str, **options: Any) -> Any:
        asked.append(method)
        if method == "PATCH":
            raise RefusedError("no PATCH", 405)
        return request(method, path, **options)

    monkeypatch.setattr(consumer, "request", old)
    assert consumer.patch("/proxies/one", {"enabled": False})["enabled"] is False
    assert asked == ["PATCH", "POST"]
    with pytest.raises(MissingError):
        consumer.patch("/proxies/nobody", {})
    consumer.close()


def test_silent_server_is_given_up(upstream: "Upstream") -> None:
    """A server that does not answer in time raises, and so does one that is not there."""
    client = Toxiproxy(f"http://{upstream.address}")
    with pytest.raises(UnreachableError, match=f"No answer from the Toxiproxy server at http://{upstream.address}"):
        client.version(timeout=0.1)
    upstream.close()
    with pytest.raises(UnreachableError):
        client.version(timeout=5)
    client.close()


def test_choice_of_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word, a URL and a path are understood; without any the PATH decides, and ours needs no install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server() == ServerChoice("embedded")
    assert find_server("embedded") == ServerChoice("embedded")
    assert find_server("http://127.0.0.1:8474") == ServerChoice("url", "http://127.0.0.1:8474")
    program = tmp_path / "toxiproxy-server"
    program.touch(0o755)
    for choice in (None, "toxiproxy-server", str(program)):
        assert find_server(choice) == ServerChoice("binary", str(program))
    assert find_server("embedded") == ServerChoice("embedded")


@pytest.mark.parametrize("choice", ["/no/such/program", "nonesuch", "https://127.0.0.1:8474", "http://", "http://[::1"])
def test_unfit_choice_is_one_sentence(choice: str) -> None:
    """A choice that cannot be carried out is told in one sentence that says what to give instead."""
    with pytest.raises(ToxiproxyError, match=r"give .*\.$") as caught:
        find_server(choice)
    assert choice in str(caught.value)
    assert "\n" not in str(caught.value)


def test_commands(tmp_path: Path) -> None:
    """Both servers are started on 127.0.0.1; one at a URL is not ours to start."""
    config = tmp_path / "config.json"
    assert ServerChoice("binary", "/bin/tp").argv(8474, config)[:5] == (
        "/bin/tp",
        "-host",
        "127.0.0.1",
        "-port",
        "8474",
    )
    assert ServerChoice("embedded").argv(8474, config)[0] == sys.executable
    with pytest.raises(ValueError, match="not ours to start"):
        ServerChoice("url", "http://127.0.0.1:8474").argv(8474, config)
