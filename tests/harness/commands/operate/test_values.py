"""Commands that try a running cluster with keys and values: texts, JSON, exit codes."""

import json
from typing import Any

import grpc
import pytest

from .conftest import FakeNode, document


def test_get_tells_values_and_context(run: Any, fakes: list[FakeNode]) -> None:
    """Asked is the first of the key's nodes that can be reached."""
    fakes[0].stop()
    fakes[1].values = {b"key": [b"two", b"\xff"]}
    code, out, err = run("get", "key")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "'key' has 2 values, by n2:"
    assert {"two", "0xff"} <= set(out.split())
    assert out.splitlines()[-1] == f"context {b'seen2'.hex()}"
    assert document(run, "get", "key") == {
        "node": "n2",
        "key": "key",
        "values": ["0xff", "two"],
        "context": b"seen2".hex(),
    }
    fakes[1].values = {b"\xff": [b"two"]}
    assert run("get", "\udcff")[1].startswith("'0xff' has 1 value, by n2")
    assert run("get", "other")[1] == "'other' has no value, by n2.\n\ncontext empty"


def test_put_takes_the_place_of_what_is_there(run: Any, fakes: list[FakeNode]) -> None:
    """It supersedes what a Get finds, or what it is told to, or nothing."""
    fakes[0].values = {b"key": [b"old"]}
    code, out, _ = run("put", "key", "0x00ff")
    assert (code, out) == (0, f"n1 has acknowledged it.\ncontext {b'new'.hex()}")
    assert run("put", "key", "value", "--context", b"given".hex())[0] == 0
    assert run("put", "key", "value", "--blind")[0] == 0
    assert document(run, "put", "key", "") == {"node": "n1", "key": "key", "context": b"new".hex()}
    assert [(request.value, request.context) for request in fakes[0].writes] == [
        (b"\x00\xff", b"seen1"),
        (b"value", b"given"),
        (b"value", b""),
        (b"", b"seen1"),
    ]
    assert not fakes[1].writes


def test_delete_removes_what_is_there(run: Any, fakes: list[FakeNode]) -> None:
    """Nothing to delete is wrong use, and nothing is sent."""
    fakes[0].values = {b"key": [b"old"]}
    assert run("delete", "key")[:2] == (0, "n1 has acknowledged it.")
    code, out, err = run("delete", "other")
    assert (code, out) == (2, "")
    assert "The key other has no value, so there is nothing to delete." in err
    assert run("delete", "other", "--context", b"given".hex())[0] == 0
    assert [(request.key, request.context) for request in fakes[0].writes] == [(b"key", b"seen1"), (b"other", b"given")]


@pytest.mark.parametrize(
    ("code", "exit_code", "words"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, 2, "n1 refuses (INVALID_ARGUMENT): no."),
        (grpc.StatusCode.UNAVAILABLE, 4, "did not acknowledge the write: UNAVAILABLE no. It may take effect all the"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 4, "get the key before you try again"),
    ],
)
def test_a_write_that_fails_is_not_sent_again(
    run: Any, fakes: list[FakeNode], code: grpc.StatusCode, exit_code: int, words: str
) -> None:
    """Whether it may have taken effect is said."""
    fakes[0].refuses = (code, "no.")
    ended, out, err = run("put", "key", "value")
    assert (ended, out) == (exit_code, "")
    assert words in " ".join(err.split())
    assert [len(node.writes) for node in fakes] == [1, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("put", "key", "value", "--blind", "--context", "00"), "--blind and --context contradict each other"),
        (("put", "key", "value", "--context", "xyz"), "The context 'xyz' is not in hexadecimal digits"),
        (("get", "0xyz"), "hexadecimal digits do not follow"),
    ],
)
def test_wrong_use_of_keys_and_values_is_2(run: Any, arguments: tuple[str, ...], words: str) -> None:
    """One sentence."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert words in " ".join(err.split())


def test_a_context_stays_whole_however_long(run: Any, fakes: list[FakeNode]) -> None:
    """It is to be copied, or cut out by a program, and no terminal or pipe has so many columns."""
    fakes[0].values = {b"key": [b"value"]}
    fakes[0].context = bytes(range(200))
    assert run("get", "key")[1].splitlines()[-1] == f"context {fakes[0].context.hex()}"
    assert run("put", "key", "value")[1].splitlines()[-1] == f"context {fakes[0].context.hex()}"


def test_mistakes_and_refusals_are_json_too(run: Any, fakes: list[FakeNode]) -> None:
    """A program has the sentence, and the code by which it was refused, where it expects the answer."""

    def failed(*arguments: str) -> Any:
        code, out, err = run(*arguments, "--json")
        document = json.loads(out)
        assert err == f"ringcheck: {document['error']}\n"
        assert document["exit_code"] == code
        return document

    nothing = "The key k has no value, so there is nothing to delete."
    assert failed("delete", "k") == {"error": nothing, "exit_code": 2, "code": ""}
    assert failed("get", "0xyz")["exit_code"] == 2
    fakes[0].refuses = (grpc.StatusCode.FAILED_PRECONDITION, "n2 is a member already.")
    assert failed("join", "n2") == {
        "error": "n1 refuses (FAILED_PRECONDITION): n2 is a member already.",
        "exit_code": 2,
        "code": "FAILED_PRECONDITION",
    }
    fakes[0].refuses = (grpc.StatusCode.RESOURCE_EXHAUSTED, "busy")
    document = failed("put", "k", "v")
    assert (document["exit_code"], document["code"]) == (4, "RESOURCE_EXHAUSTED")
    for node in fakes:
        node.stop()
    assert failed("ring")["exit_code"] == 4
    assert failed("ring", "--node", "nowhere")["exit_code"] == 2
