"""The HTTP API as clients of Toxiproxy know it, the same of our server and of the foreign one."""

import json
import re
import socket
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from tests.chaos.conftest import Api, Upstream

MISSING = "/proxies/nobody"


def error(answer: requests.Response) -> tuple[int, str]:
    """Status and reason of a refusal."""
    assert answer.json()["status"] == answer.status_code
    return answer.status_code, answer.json()["error"]


def test_version_is_json_with_a_space(api: "Api") -> None:
    """The version is JSON with the space that Toxiproxy's own tests ask for (a server built from source says git)."""
    answer = api("GET", "/version")
    assert answer.status_code == 200
    assert re.fullmatch(rb'{"version": "(2\.12\.0|git)"}\n', answer.content)
    assert answer.headers["Content-Type"] == "application/json;charset=utf-8"


def test_no_proxies_at_first(api: "Api") -> None:
    """A server without proxies lists none."""
    assert api("GET", "/proxies").json() == {}


def test_created_proxy_is_shown(api: "Api") -> None:
    """A new proxy is enabled, has a port of its own and no toxics, and is listed as it was created."""
    made = api.proxy("one", "127.0.0.1:1")
    host, _, port = made["listen"].rpartition(":")
    assert (host, int(port) > 0) == ("127.0.0.1", True)
    assert (made["name"], made["upstream"], made["enabled"], made["toxics"]) == ("one", "127.0.0.1:1", True, [])
    assert api("GET", "/proxies/one").json() == made
    assert api("GET", "/proxies").json() == {"one": made}


def test_disabled_proxy_gets_its_port_when_enabled(api: "Api") -> None:
    """A proxy created disabled does not listen; enabled later, it tells the port that it got."""
    assert api.proxy("one", "127.0.0.1:1", enabled=False)["listen"] == "127.0.0.1:0"
    enabled = api("PATCH", "/proxies/one", {"enabled": True}).json()
    assert enabled["enabled"] is True
    assert not enabled["listen"].endswith(":0")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"upstream": "127.0.0.1:1"}, "missing required field: name"),
        ({"name": "one"}, "missing required field: upstream"),
    ],
)
def test_incomplete_proxy_is_refused(api: "Api", body: object, reason: str) -> None:
    """A proxy without a name or an upstream is answered 400, and told which field is missing."""
    assert error(api("POST", "/proxies", body)) == (400, reason)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b'{"name": 5}'])
def test_body_of_the_wrong_shape_is_refused(api: "Api", body: object) -> None:
    """A body that is not JSON, or not an object of the right types, is answered 400."""
    status, reason = error(api("POST", "/proxies", data=body))
    assert status == 400
    assert reason.startswith("bad request body: ")


def test_errors_are_json_called_text(api: "Api") -> None:
    """An error's body is JSON with a line's end, though its type says text, as Toxiproxy has it."""
    answer = api("GET", MISSING)
    assert answer.json() == {"error": "proxy not found", "status": 404}
    assert answer.content.endswith(b"}\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_name_can_be_taken_once(api: "Api") -> None:
    """A second proxy of the same name is answered 409, and the first one stays."""
    made = api.proxy("one", "127.0.0.1:1")
    answer = api("POST", "/proxies", {"name": "one", "upstream": "127.0.0.1:2"})
    assert error(answer) == (409, "proxy already exists")
    assert api("GET", "/proxies/one").json() == made


def test_taken_port_is_an_error_of_the_server(api: "Api", upstream: "Upstream") -> None:
    """A port on which somebody listens is answered 500 with the reason, and no proxy is made."""
    answer = api("POST", "/proxies", {"name": "one", "listen": upstream.address, "upstream": "127.0.0.1:1"})
    assert error(answer) == (500, f"listen tcp {upstream.address}: bind: address already in use")
    assert api("GET", "/proxies").json() == {}


def test_impossible_port_is_an_error_of_the_server(api: "Api") -> None:
    """A port above 65535 is answered 500."""
    answer = api("POST", "/proxies", {"name": "one", "listen": "127.0.0.1:99999", "upstream": "127.0.0.1:1"})
    assert error(answer) == (500, "listen tcp: address 99999: invalid port")


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_proxy_is_updated(api: "Api", method: str) -> None:
    """PATCH and the older POST change what they name; the name and unknown members are ignored."""
    listen = api.proxy("one", "127.0.0.1:1")["listen"]
    answer = api(method, "/proxies/one", {"upstream": "127.0.0.1:2", "name": "two", "colour": "red"})
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["name"], shown["upstream"], shown["listen"]) == ("one", "127.0.0.1:2", listen)
    assert shown["enabled"] is True


def test_port_is_kept_over_disabling(api: "Api") -> None:
    """A disabled proxy refuses connections, and listens on the same port once it is enabled again."""
    listen = api.proxy("one", "127.0.0.1:1")["listen"]
    address = ("127.0.0.1", int(listen.rpartition(":")[2]))
    assert api("PATCH", "/proxies/one", {"enabled": False}).json()["enabled"] is False
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    assert api("PATCH", "/proxies/one", {"enabled": True}).json()["listen"] == listen
    socket.create_connection(address).close()


def test_failed_move_leaves_the_proxy_disabled(api: "Api", upstream: "Upstream") -> None:
    """A proxy that cannot listen where it is told to is answered 500, and is disabled with the new address."""
    api.proxy("one", "127.0.0.1:1")
    assert api("PATCH", "/proxies/one", {"listen": upstream.address}).status_code == 500
    shown = api("GET", "/proxies/one").json()
    assert (shown["enabled"], shown["listen"]) == (False, upstream.address)


def test_deleted_proxy_is_gone(api: "Api") -> None:
    """A deleted proxy is answered 204 without a body, and is not found any more."""
    api.proxy("one", "127.0.0.1:1")
    answer = api("DELETE", "/proxies/one")
    assert (answer.status_code, answer.content) == (204, b"")
    assert error(api("GET", "/proxies/one")) == (404, "proxy not found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", MISSING),
        ("PATCH", MISSING),
        ("DELETE", MISSING),
        ("GET", f"{MISSING}/toxics"),
        ("POST", f"{MISSING}/toxics"),
        ("GET", f"{MISSING}/toxics/x"),
        ("PATCH", f"{MISSING}/toxics/x"),
        ("DELETE", f"{MISSING}/toxics/x"),
    ],
)
def test_missing_proxy_is_not_found(api: "Api", method: str, path: str) -> None:
    """Whatever is asked of a proxy that does not exist is answered 404."""
    assert error(api(method, path, {})) == (404, "proxy not found")


def test_toxic_has_defaults(api: "Api") -> None:
    """A toxic without name, stream and attributes is named after its type, downstream, with zeros."""
    api.proxy("one", "127.0.0.1:1")
    answer = api("POST", "/proxies/one/toxics", {"type": "latency"})
    assert answer.status_code == 200
    expected = {
        "attributes": {"latency": 0, "jitter": 0},
        "name": "latency_downstream",
        "type": "latency",
        "stream": "downstream",
        "toxicity": 1,
    }
    assert answer.json() == expected
    assert api("GET", "/proxies/one/toxics/latency_downstream").json() == expected
    assert api("GET", "/proxies/one").json()["toxics"] == [expected]


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("bandwidth", {"rate": 1}),
        ("latency", {"latency": 1, "jitter": 2}),
        ("limit_data", {"bytes": 1}),
        ("reset_peer", {"timeout": 1}),
        ("slicer", {"average_size": 3, "size_variation": 2, "delay": 1}),
        ("slow_close", {"delay": 1}),
        ("timeout", {"timeout": 1}),
    ],
)
def test_every_type_of_toxic_shows_its_attributes(api: "Api", kind: str, attributes: dict[str, int]) -> None:
    """Each type has its attributes, and shows them as they were set."""
    api.proxy("one", "127.0.0.1:1")
    answer = api("POST", "/proxies/one/toxics", {"type": kind, "attributes": attributes})
    assert answer.status_code == 200
    assert answer.json()["attributes"] == attributes


def test_toxics_are_listed_upstream_first(api: "Api") -> None:
    """Toxics are listed upstream before downstream, in each stream as they were added."""
    api.proxy("one", "127.0.0.1:1")
    for name, stream in [("a", "downstream"), ("b", "upstream"), ("c", "downstream"), ("d", "UPSTREAM")]:
        body = {"type": "noop", "name": name, "stream": stream}
        assert api("POST", "/proxies/one/toxics", body).json()["stream"] == stream
    assert [toxic["name"] for toxic in api("GET", "/proxies/one/toxics").json()] == ["b", "d", "a", "c"]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"type": "magic"}, 400, "invalid toxic type"),
        ({}, 400, "invalid toxic type"),
        (
            {"type": "latency", "stream": "sideways"},
            400,
            "stream was invalid, can be either upstream or downstream",
        ),
        ({"type": "latency", "name": "there", "stream": "upstream"}, 409, "toxic already exists"),
    ],
)
def test_unfit_toxic_is_refused(api: "Api", body: object, status: int, reason: str) -> None:
    """An unknown type or stream is answered 400; a name that either stream has already, 409."""
    api.proxy("one", "127.0.0.1:1")
    api("POST", "/proxies/one/toxics", {"type": "noop", "name": "there"})
    assert error(api("POST", "/proxies/one/toxics", body)) == (status, reason)


@pytest.mark.parametrize("value", [1.5, "1", True, 2**70])
def test_attributes_are_whole_numbers(api: "Api", value: object) -> None:
    """An attribute that is no integer of 64 bits is answered 400."""
    api.proxy("one", "127.0.0.1:1")
    answer = api("POST", "/proxies/one/toxics", {"type": "latency", "attributes": {"latency": value}})
    assert answer.status_code == 400
    assert api("GET", "/proxies/one/toxics").json() == []


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_update_merges_attributes(api: "Api", method: str) -> None:
    """An update changes the attributes and the toxicity that it names; name, type and stream stay."""
    api.proxy("one", "127.0.0.1:1")
    api("POST", "/proxies/one/toxics", {"type": "latency", "name": "x", "attributes": {"latency": 7, "jitter": 3}})
    body = {"name": "y", "type": "noop", "stream": "upstream", "toxicity": 0.5, "attributes": {"latency": 9}}
    answer = api(method, "/proxies/one/toxics/x", body)
    assert answer.status_code == 200
    assert answer.json() == {
        "attributes": {"latency": 9, "jitter": 3},
        "name": "x",
        "type": "latency",
        "stream": "downstream",
        "toxicity": 0.5,
    }


def test_removed_toxic_is_gone(api: "Api") -> None:
    """A removed toxic is answered 204; what is asked of it then, 404."""
    api.proxy("one", "127.0.0.1:1")
    api("POST", "/proxies/one/toxics", {"type": "noop", "name": "x"})
    assert api("DELETE", "/proxies/one/toxics/x").status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        assert error(api(method, "/proxies/one/toxics/x", {})) == (404, "toxic not found")


def test_reset_enables_all_and_removes_toxics(api: "Api") -> None:
    """A reset opens every closed proxy and removes every toxic."""
    api.proxy("one", "127.0.0.1:1", enabled=False)
    api.proxy("two", "127.0.0.1:1")
    api("POST", "/proxies/two/toxics", {"type": "noop"})
    assert api("POST", "/reset").status_code == 204
    assert all(proxy["enabled"] and not proxy["toxics"] for proxy in api("GET", "/proxies").json().values())


def test_populate_creates_many(api: "Api") -> None:
    """Populating creates what is listed, and answers 201 with all of it."""
    wanted = [
        {"name": "one", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"},
        {"name": "two", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:2", "enabled": False},
    ]
    answer = api("POST", "/populate", wanted)
    assert answer.status_code == 201
    assert [(proxy["name"], proxy["enabled"]) for proxy in answer.json()["proxies"]] == [("one", True), ("two", False)]
    assert set(api("GET", "/proxies").json()) == {"one", "two"}


def test_populate_keeps_what_is_the_same(api: "Api") -> None:
    """A proxy listed with the same addresses keeps its toxics; one with another upstream is replaced."""
    listen = api.proxy("one", "127.0.0.1:1")["listen"]
    api("POST", "/proxies/one/toxics", {"type": "noop"})
    same = {"name": "one", "listen": listen, "upstream": "127.0.0.1:1"}
    assert len(api("POST", "/populate", [same]).json()["proxies"][0]["toxics"]) == 1
    other = {"name": "one", "listen": listen, "upstream": "127.0.0.1:2"}
    assert api("POST", "/populate", [other]).json()["proxies"][0]["toxics"] == []
    assert api("GET", "/proxies/one").json()["upstream"] == "127.0.0.1:2"


def test_populate_checks_all_before_it_begins(api: "Api") -> None:
    """A list with an incomplete proxy is answered 400, and creates none."""
    wanted = [{"name": "one", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}, {"name": "two"}]
    answer = api("POST", "/populate", wanted)
    assert answer.status_code == 400
    assert "missing required field: upstream" in answer.json()["error"]
    assert api("GET", "/proxies").json() == {}


def test_populate_stops_at_a_taken_port(api: "Api", upstream: "Upstream") -> None:
    """A list with a port that is taken is answered 500 with what was done before it."""
    wanted = [
        {"name": "one", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"},
        {"name": "two", "listen": upstream.address, "upstream": "127.0.0.1:1"},
    ]
    answer = api("POST", "/populate", wanted)
    assert answer.status_code == 500
    assert [proxy["name"] for proxy in answer.json()["proxies"]] == ["one"]
    assert answer.headers["Content-Type"] == "application/json"


def test_populate_with_nothing(api: "Api") -> None:
    """An empty list creates nothing, and is answered by null."""
    answer = api("POST", "/populate", [])
    assert (answer.status_code, answer.json()) == (201, {"proxies": None})


@pytest.mark.parametrize("path", ["/", "/nothing", "/proxies/", "/proxies/one/", "/metrics"])
def test_unknown_path(api: "Api", path: str) -> None:
    """A path that is not the API's is answered 404 in plain text."""
    answer = api("GET", path)
    assert (answer.status_code, answer.text) == (404, "404 page not found\n")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/proxies"), ("GET", "/reset"), ("PUT", "/proxies/one")])
def test_wrong_method(api: "Api", method: str, path: str) -> None:
    """A method that a path does not know is answered 405 without a body."""
    answer = api(method, path)
    assert (answer.status_code, answer.content) == (405, b"")


def test_browsers_are_turned_away(api: "Api") -> None:
    """A browser is answered 403, or any web page could talk to a server on its reader's machine."""
    answer = api("GET", "/proxies", headers={"User-Agent": "Mozilla/5.0"})
    assert (answer.status_code, answer.text) == (403, "User agent not allowed\n")


def test_decoding_is_lenient(api: "Api") -> None:
    """Keys in any case, a body in chunks and something after the JSON are accepted, as Go's decoder does."""
    body = json.dumps({"NAME": "one", "Listen": "127.0.0.1:0", "upStream": "127.0.0.1:1"}) + " trailing"
    answer = api("POST", "/proxies", data=iter([body[:10].encode(), body[10:].encode()]))
    assert answer.status_code == 201
    assert answer.json()["name"] == "one"
