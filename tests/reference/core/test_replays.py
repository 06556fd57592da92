"""Forwarded writes are carried out once, however late and often they come again, and in bounded memory."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck_reference.core import clients
from ringcheck_reference.core.clients import Clients
from ringcheck_reference.core.effects import GetResult
from ringcheck_reference.core.messages import Caller, ClientGet, ClientPut, Code, Forward, Outcome, PeerRequest, Refusal

from .cluster import Cluster

MOST = 5


def test_a_write_that_is_repeated_after_many_others_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had written, and what has been overwritten since, does not come back; a new write is carried out."""
    monkeypatch.setattr(clients, "MAX_REMEMBERED", MOST)
    cluster = Cluster(3, n=3, r=2, w=2, partition_count=4)
    cluster.run_for(1.0)
    incarnation = cluster.running["n1"].incarnation
    caller = Caller("n2", cluster.running["n2"].incarnation, 999)
    write = PeerRequest(1_000_000, Forward(incarnation, b"k", b"old", b"", 2))
    (answer,) = cluster.question("n1", caller, write)
    assert isinstance(answer.body, Outcome)
    assert answer.body.code == Code.OK
    cluster.ask("n1", ClientPut(b"k", b"new", answer.body.context))
    for number in range(MOST + 1):
        cluster.question("n1", caller, PeerRequest(2_000_000 + number, Forward(incarnation, b"other", b"v", b"", 2)))
    for stream in (999, 1000):
        (answer,) = cluster.question("n1", Caller(caller.node, caller.incarnation, stream), write)
        assert isinstance(answer.body, Refusal)
    assert cluster.ask("n1", ClientGet(b"k")).values == (b"new",)  # type: ignore[union-attr]  # a failure has none
    (answer,) = cluster.question("n1", caller, PeerRequest(3_000_000, Forward(incarnation, b"new", b"v", b"", 2)))
    assert isinstance(answer.body, Outcome)
    assert cluster.running["n1"].core.load().in_flight == 0


def test_a_write_that_is_repeated_while_it_is_under_way_is_answered_wherever_it_was_asked() -> None:
    """On both streams, once each, however often it came on either; and it is one version."""
    cluster = Cluster(3, n=3, r=2, w=2, partition_count=4)
    cluster.run_for(1.0)
    core, run = cluster.running["n1"].core, cluster.running["n2"].incarnation
    write = PeerRequest(1_000_000, Forward(cluster.running["n1"].incarnation, b"k", b"v", b"", 2))
    callers = [Caller("n2", run, stream) for stream in (999, 1000)]
    for caller in callers:
        cluster._foreign[caller] = []
        for _ in range(2):
            cluster._receive("n1", caller, write)
    assert cluster.run_until(lambda: core.load().in_flight == 0, within=2.0)
    answers = [cluster._foreign[caller] for caller in callers]
    for (answer,) in answers:
        assert isinstance(answer.body, Outcome)
        assert answer.body.code == Code.OK
    found = cluster.ask("n1", ClientGet(b"k"))
    assert isinstance(found, GetResult)
    assert found.values == (b"v",)


requests = st.tuples(st.sampled_from(["n2", "n3"]), st.sampled_from(["first", "second"]), st.integers(-30, 0))


@settings(deadline=None, max_examples=50)
@given(st.lists(requests, max_size=60))
def test_nothing_is_carried_out_twice_and_what_is_new_is_carried_out(steps: list[tuple[str, str, int]]) -> None:
    """Peers send new requests, and repeat any that they have sent, in any order."""
    carried: list[tuple[str, str, int]] = []
    sent: dict[tuple[str, str], int] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients, "MAX_REMEMBERED", MOST)

        def coordinate(_clients: Clients, write: Forward, finish: object) -> None:
            carried.append(eval(write.key))  # as made below
            finish(Outcome(Code.OK))  # type: ignore[operator]

        patch.setattr(Clients, "_check_and_coordinate", coordinate)
        cluster = Cluster(1, n=1, r=1, w=1, partition_count=1)
        core, incarnation = cluster.running["n1"].core, cluster.running["n1"].incarnation
        for node, run, back in steps:
            highest = sent.get((node, run), 1)
            is_new = back == 0 or highest + back < 2
            number = highest + 1 if is_new else highest + back
            sent[node, run] = max(highest, number)
            what = (node, run, number)
            before = len(carried)
            core.receive(
                cluster.now,
                Caller(node, run, 1),
                PeerRequest(number, Forward(incarnation, repr(what).encode(), b"v", b"", 1)),
            )
            assert len(carried) - before <= is_new
            if is_new:
                assert carried[-1] == what
        assert len(set(carried)) == len(carried)
        assert len(core._clients._forwards) <= MOST
