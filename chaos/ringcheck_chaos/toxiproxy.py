"""A strict client for a Toxiproxy server, ours or the foreign one, and the choice between them.

It goes through toxiproxy-python, whose consumer it replaces by one per server: with a kept session and a time-out,
deaf to proxy variables in the environment, and with every status of 400 and above raised as one of

    ToxiproxyError
    ├── UnreachableError    no answer, or none in time
    └── RefusedError        an answer with an error status
        ├── MissingError    404
        └── ExistsError     409
"""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import msgspec
import requests
from toxiproxy import Proxy
from toxiproxy.api import APIConsumer
from toxiproxy.toxic import Toxic

Stream = Literal["upstream", "downstream"]

TIMEOUT_S = 27.0
"""Above the 25 s after which Toxiproxy itself gives up on a request and says so."""

EMBEDDED = "embedded"
BINARY = "toxiproxy-server"


class ToxiproxyError(Exception):
    """A Toxiproxy server did not do what it was asked."""


class UnreachableError(ToxiproxyError):
    """A Toxiproxy server gave no answer, or none in time."""


class RefusedError(ToxiproxyError):
    """A Toxiproxy server answered with an error; `status` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class MissingError(RefusedError):
    """The proxy or the toxic does not exist."""


class ExistsError(RefusedError):
    """A proxy or a toxic of this name exists already."""


class Consumer(APIConsumer):  # type: ignore[misc]  # the library ships no types
    """One server's consumer. Where the library's swallows errors, hangs, or obeys HTTP_PROXY, this one does not."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False
        # Links are moved by several threads at once; each wants a connection of its own.
        self._session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=16))

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()

    def get(self, url: str, params: Any = None, **options: Any) -> Any:
        """The JSON that a GET of this path answers."""
        return self.request("GET", url, params=params, **options)

    def post(self, url: str, data: Any = None, json: Any = None, **options: Any) -> Any:
        """The JSON that a POST to this path answers, None if it has no body."""
        return self.request("POST", url, data=data, json=json, **options)

    def patch(self, url: str, json: Any) -> Any:
        """As `post`, by PATCH; by POST on servers older than 2.6, which know no PATCH."""
        try:
            return self.request("PATCH", url, json=json)
        except RefusedError as error:
            if error.status != requests.codes.method_not_allowed:
                raise
            return self.post(url, json=json)

    def delete(self, url: str, **options: Any) -> Any:
        """DELETE this path."""
        return self.request("DELETE", url, **options)

    def request(self, method: str, path: str, timeout: float = TIMEOUT_S, **options: Any) -> Any:
        """Send one request and return the JSON of its answer, None if it has no body."""
        try:
            response = self._session.request(method, self.url + path, timeout=timeout, **options)
        except requests.RequestException as error:
            why = "it took too long" if isinstance(error, requests.Timeout) else "nobody accepts the connection"
            raise UnreachableError(
                f"No answer from the Toxiproxy server at {self.url} to {method} {path}: {why}; "
                "start it, or name another one."
            ) from None
        if response.status_code >= requests.codes.bad_request:
            raise _refusal(method, path, response)
        if not response.content:
            return None
        try:
            return response.json()
        except requests.JSONDecodeError:
            message = f"{self.url} answered {method} {path} by something else than JSON; is it a Toxiproxy?"
            raise ToxiproxyError(message) from None


class Toxiproxy:
    """The proxies and toxics of one server, by name. Calls block; any thread may make them."""

    def __init__(self, url: str) -> None:
        self._consumer = Consumer(url)

    def close(self) -> None:
        """Close the connections to the server."""
        self._consumer.close()

    def version(self, timeout: float = TIMEOUT_S) -> str:
        """The server's version, such as `2.12.0`."""
        answer = self._consumer.get("/version", timeout=timeout)
        return str(answer["version"]) if isinstance(answer, dict) else str(answer)

    def proxies(self) -> dict[str, Proxy]:
        """All proxies by name, each with its `toxics` as a dict by name."""
        return {name: _proxy(record) for name, record in self._consumer.get("/proxies").items()}

    def populate(self, proxies: Sequence[Mapping[str, object]]) -> list[Proxy]:
        """Create many proxies in one call: name, listen, upstream, and enabled if not true."""
        answer = self._consumer.post("/populate", json=list(proxies))
        return [_proxy(record) for record in answer["proxies"] or ()]

    def destroy(self, proxy: str) -> None:
        """Delete a proxy; its connections are closed."""
        self._consumer.delete(f"/proxies/{quote(proxy, safe='')}")

    def set_enabled(self, proxy: str, enabled: bool) -> None:
        """Open a proxy's port, or close it together with its connections."""
        self._consumer.patch(f"/proxies/{quote(proxy, safe='')}", {"enabled": enabled})

    def add_toxic(self, proxy: str, name: str, kind: str, stream: Stream, attributes: Mapping[str, int]) -> None:
        """Add a toxic that concerns every connection of `proxy`."""
        toxic = {"name": name, "type": kind, "stream": stream, "attributes": _whole(attributes)}
        self._consumer.post(f"/proxies/{quote(proxy, safe='')}/toxics", json=toxic)

    def update_toxic(self, proxy: str, name: str, attributes: Mapping[str, int]) -> None:
        """Change attributes of a toxic; those not named stay."""
        path = f"/proxies/{quote(proxy, safe='')}/toxics/{quote(name, safe='')}"
        self._consumer.patch(path, {"attributes": _whole(attributes)})

    def remove_toxic(self, proxy: str, name: str) -> None:
        """Remove a toxic."""
        self._consumer.delete(f"/proxies/{quote(proxy, safe='')}/toxics/{quote(name, safe='')}")


class ServerChoice(msgspec.Struct, frozen=True):
    """Which Toxiproxy carries a run: ours (`embedded`), a `binary` to start, or one that runs at a `url`."""

    kind: Literal["embedded", "binary", "url"]
    where: str = ""
    """Path of the binary, or the URL."""

    def argv(self, port: int, config: Path) -> tuple[str, ...]:
        """The command that serves the API on a port of 127.0.0.1, with the proxies in `config` from the start."""
        if self.kind == "url":
            raise ValueError(f"{self.where} runs already; it is not ours to start.")
        if self.kind == "binary":
            return (self.where, "-host", "127.0.0.1", "-port", str(port), "-config", str(config))
        module = (sys.executable, "-P", "-m", "ringcheck_chaos.embedded")
        return (*module, "--host", "127.0.0.1", "--port", str(port), "--config", str(config))


def find_server(choice: str | None = None) -> ServerChoice:
    """The server that the user chose by `embedded`, a path, or a URL.

    Without a choice: `toxiproxy-server` if it is on the PATH, else the embedded one. Raises ToxiproxyError with one
    clear sentence if there is no such program.
    """
    if choice is None:
        found = shutil.which(BINARY)
        return ServerChoice("binary", found) if found else ServerChoice("embedded")
    if choice == EMBEDDED:
        return ServerChoice("embedded")
    if "://" in choice:
        if not _is_url(choice):
            raise ToxiproxyError(f"{choice!r} is not the URL of a Toxiproxy; give one such as http://127.0.0.1:8474.")
        return ServerChoice("url", choice)
    found = shutil.which(choice)
    if found is None:
        message = (
            f"No program to run at {choice!r}; give the path of toxiproxy-server, "
            "the URL of one that runs, or the word embedded."
        )
        raise ToxiproxyError(message)
    return ServerChoice("binary", str(Path(found).absolute()))


def _proxy(record: Mapping[str, Any]) -> Proxy:
    proxy = Proxy(**record)
    proxy.toxics = {toxic["name"]: Toxic(**toxic) for toxic in record["toxics"]}
    return proxy


def _whole(attributes: Mapping[str, int]) -> dict[str, int]:
    # Toxiproxy decodes attributes into Go integers: 100.0 is refused.
    return {name: int(value) for name, value in attributes.items()}


def _is_url(text: str) -> bool:
    """Whether it names a host, and if a port, then one that can be."""
    try:
        parts = urlsplit(text)
        return parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket that is not closed, a port that is no number or too large
        return False


def _refusal(method: str, path: str, response: requests.Response) -> RefusedError:
    try:
        reason = str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        reason = f"{response.reason}, and nothing that a Toxiproxy says; is it one?"
    kinds: dict[int, type[RefusedError]] = {404: MissingError, 409: ExistsError}
    kind = kinds.get(response.status_code, RefusedError)
    return kind(f"Toxiproxy refused {method} {path} with {response.status_code}: {reason}", response.status_code)
