"""How much an exchange asks for at a time."""

from hypothesis import given
from hypothesis import strategies as st

from ringcheck_reference.core.antientropy import (
    MAX_KEYS_IN_FLIGHT,
    MAX_QUERIES_IN_FLIGHT,
    MIN_KEYS_IN_FLIGHT,
    SLOW_S,
    Window,
)
from ringcheck_reference.core.encoding import encode_state
from ringcheck_reference.core.messages import NodeId, PeerRequest
from ringcheck_reference.core.versions import Context, Dot, State, Version

from .cluster import Cluster, Disk


def test_a_quick_peer_is_asked_for_more() -> None:
    """Up to the most that may be."""
    window = Window()
    first = window.size
    for turn in range(100):
        window.note(turn, turn + SLOW_S / 2)
    assert first < window.size == MAX_KEYS_IN_FLIGHT


def test_a_slow_peer_is_asked_for_less() -> None:
    """Half as much for all that was asked before it was known, and half of that for what was asked since."""
    window = Window()
    for turn in range(100):
        window.note(turn, turn)
    for _ in range(MAX_KEYS_IN_FLIGHT):
        window.note(100.0, 101.0)
    assert window.size == MAX_KEYS_IN_FLIGHT // 2
    window.note(101.0, 102.0)
    assert window.size == MAX_KEYS_IN_FLIGHT // 4


def test_a_long_way_is_not_slow() -> None:
    """What counts is how much longer an answer takes than the quickest one."""
    window = Window()
    for turn in range(100):
        window.note(turn, turn + 10 * SLOW_S)
    assert window.size == MAX_KEYS_IN_FLIGHT


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 1))))
def test_something_is_always_asked_for(answers: list[tuple[float, float]]) -> None:
    """However slow all of it is."""
    window = Window()
    for asked_at, took in answers:
        window.note(asked_at, asked_at + took)
        assert MIN_KEYS_IN_FLIGHT <= window.size <= MAX_KEYS_IN_FLIGHT


class Counting(Cluster):
    """Knows the most requests of one node that were under way at a time."""

    most = 0

    def _send_request(self, source: NodeId, target: NodeId, request: PeerRequest) -> None:
        super()._send_request(source, target, request)
        self.most = max(self.most, len(self._outstanding.get((source, target), ())))


def test_a_lost_replica_is_rebuilt_bit_by_bit() -> None:
    """However much is missing, the peer is never asked for all of it at once."""
    dot = Dot(b"a", 1)
    state = encode_state(State.of([Version(dot, b"value")], Context.of([dot])))
    cluster = Counting(2, n=2, r=1, w=1, partition_count=16)
    cluster.crash("n1")
    cluster.replace_disk("n1", Disk(replica={b"key %d" % number: state for number in range(600)}))
    cluster.start("n1")
    cluster.settle()
    assert len(cluster.disks["n2"].replica) == 600
    assert cluster.most <= MAX_KEYS_IN_FLIGHT + MAX_QUERIES_IN_FLIGHT + 2  # and a ping or two
