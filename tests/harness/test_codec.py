import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringcheck.codec import Codec
from ringcheck.history import Description
from ringcheck.schedule import Delete, Get, Operation, Put, Schedule

DESCRIPTION = Description(
    node_id="n1",
    implementation="test",
    version="1",
    profiles=("kv", "describe"),
    n=3,
    r=2,
    w=1,
    partition_count=16,
    max_key_bytes=40,
    max_value_bytes=60,
    max_siblings=10,
    max_message_bytes=10_000,
    request_timeout_ms=1000,
    detection_deadline_ms=1000,
    convergence_deadline_ms=1000,
)


def codec(*steps: Operation) -> Codec:
    """The codec of a schedule with these steps."""
    return Codec(Schedule(name="test", namespace="space", steps=steps), DESCRIPTION)


def test_keys_live_in_the_namespace_of_their_schedule() -> None:
    """Two schedules that name the same key use different ones."""
    step = Get(id=1, node="n1", key="k")
    assert codec(step).key(step) == b"space/k"
    assert codec(step).key_text(b"space/k") == "k"
    assert codec(step).key_text(b"other/k") is None


def test_empty_key_stays_empty() -> None:
    """A key that every node must refuse is not saved by the namespace."""
    step = Get(id=1, node="n1", key="")
    assert codec(step).key(step) == b""


def test_sizes_are_the_limits_of_the_target() -> None:
    """The size "limit" fills up to what the target declares and "over" one byte further, namespace included."""
    at = Put(id=1, node="n1", key="k", key_size="limit", value="v", value_size="limit")
    over = Put(id=1, node="n1", key="k", key_size="over", value="v", value_size="over")
    assert (len(codec(at).key(at)), len(codec(at).value(at))) == (40, 60)
    assert (len(codec(over).key(over)), len(codec(over).value(over))) == (41, 61)
    assert codec(at).known_key("k") == codec(at).key(at)


def test_schedule_that_does_not_fit_is_refused() -> None:
    """Text longer than the target's limit cannot be filled up to it."""
    with pytest.raises(ValueError, match="do not fit"):
        codec(Get(id=1, node="n1", key="k" * 50, key_size="limit"))


def test_values_are_told_by_the_operation_that_wrote_them() -> None:
    """Bytes are told as written to their key, else as written to another key, else as nobody's."""
    seen = codec(
        Put(id=1, node="n1", key="a", value="one", value_size=10),
        Put(id=2, node="n1", key="b", value="two"),
        Put(id=3, node="n1", key="c", value=""),
    )
    assert seen.value_text("a", b"one.......") == "one"
    assert seen.value_text("a", b"two") == "two"
    assert seen.value_text("c", b"") == ""
    assert seen.value_text("a", b"\xffnobody's") == "?\xffnobody's"
    assert len(seen.value_text("a", b"x" * 1000)) < 40


@given(st.text(st.characters(max_codepoint=255), max_size=20))
def test_any_bytes_can_be_written_and_recognised(text: str) -> None:
    """Text stands for bytes one to one."""
    step = Put(id=1, node="n1", key="k", value=text)
    assert codec(step).value_text("k", codec(step).value(step)) == text


def test_quorum_is_resolved_as_the_node_does_it() -> None:
    """0 is the default that the node declares."""
    steps: tuple[Operation, ...] = (
        Get(id=1, node="n1", key="k"),
        Get(id=2, node="n1", key="k", r=3),
        Delete(id=3, node="n1", key="k", context=1),
        Put(id=4, node="n1", key="k", value="v", w=2),
    )
    assert [codec(*steps).quorum(step) for step in steps] == [2, 3, 1, 2]
