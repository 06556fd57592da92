"""What a node says to questions of peers, sensible and senseless ones."""

import pytest

from ringcheck_reference.core.messages import (
    Caller,
    Cause,
    Found,
    Leaves,
    LeavesQuery,
    NodesQuery,
    PeerRequest,
    Read,
    Refusal,
    Replicate,
    RequestBody,
    Roots,
    RootsQuery,
    Stored,
)
from ringcheck_reference.core.versions import Context, Dot, State, Version

from .cluster import Cluster

KEY = b"key"
STATE = State.of([Version(Dot(b"a", 1), b"value")], Context.of([Dot(b"a", 1)]))
PEER = Caller("n1", "somebody", 9)


def ask(cluster: Cluster, name: str, body: RequestBody) -> object:
    """The answer's body."""
    (answer,) = cluster.question(name, PEER, PeerRequest(5, body))
    assert answer.id == 5
    return answer.body


@pytest.fixture
def cluster() -> Cluster:
    """Five nodes."""
    return Cluster()


def test_a_stored_state_is_durable_when_it_is_said_to_be(cluster: Cluster) -> None:
    """Stored comes after the commit; the same state again changes nothing."""
    home = cluster.ring.homes(KEY)[0]
    assert ask(cluster, home, Replicate(KEY, STATE, cause=Cause.WRITE)) == Stored(changed=True)
    assert KEY in cluster.disks[home].replica
    assert ask(cluster, home, Replicate(KEY, STATE, cause=Cause.WRITE)) == Stored(changed=False)
    assert ask(cluster, home, Read(KEY)) == Found(STATE)


def test_a_repeated_state_waits_for_the_commit_of_the_first(cluster: Cluster) -> None:
    """A copy that is still on its way to the disk is not acknowledged twice as fast."""
    home = cluster.ring.homes(KEY)[0]
    body = Replicate(KEY, STATE, cause=Cause.WRITE)
    cluster.disks[home].refuses = True
    answers = cluster.question(home, PEER, PeerRequest(5, body), PeerRequest(6, body))
    assert [type(answer.body) for answer in answers] == [Refusal, Refusal]


def test_a_stand_in_serves_its_hints(cluster: Cluster) -> None:
    """A hint is no part of the replica, but of what a Read finds."""
    home, stand_in = cluster.ring.preference_list(KEY)[0], cluster.ring.preference_list(KEY)[3]
    assert ask(cluster, stand_in, Replicate(KEY, STATE, home, Cause.WRITE)) == Stored(changed=True, provisional=True)
    assert ask(cluster, stand_in, Read(KEY)) == Found(STATE, provisional=True)
    assert cluster.holders(KEY) == set()
    cluster.settle()
    assert ask(cluster, stand_in, Read(KEY)) == Found(State.EMPTY, provisional=True)


def test_what_comes_to_the_wrong_node_ends_at_the_owners(cluster: Cluster) -> None:
    """A state for a node that is no home of its key, as replica or as hint, is kept until the owners have it."""
    home, *_, stand_in = cluster.ring.preference_list(KEY)[:4]
    assert ask(cluster, stand_in, Replicate(KEY, STATE)) == Stored(changed=True, provisional=True)
    assert ask(cluster, home, Replicate(b"other", STATE, stand_in)) == Stored(changed=True, provisional=True)
    assert stand_in in cluster.holders(KEY)
    cluster.run_for(2.0)
    cluster.settle()
    for key in (KEY, b"other"):
        assert cluster.holders(key) == set(cluster.ring.homes(key))


def test_trees_of_partitions_owned_are_shown(cluster: Cluster) -> None:
    """Roots and leaves of an own partition are answered; those of another are refused rather than empty."""
    home, stand_in = cluster.ring.preference_list(KEY)[0], cluster.ring.preference_list(KEY)[3]
    partition = cluster.ring.partition(KEY)
    ask(cluster, home, Replicate(KEY, STATE))
    roots = ask(cluster, home, RootsQuery((partition,)))
    assert roots == Roots((dict(cluster.running[home].core.roots())[partition],))
    leaves = ask(cluster, home, LeavesQuery(partition, tuple(range(4096))))
    assert isinstance(leaves, Leaves)
    assert [leaf.key for leaf in leaves.leaves] == [KEY]
    assert isinstance(ask(cluster, stand_in, RootsQuery((partition,))), Refusal)


@pytest.mark.parametrize(
    "body",
    [
        Replicate(b"", STATE),
        Replicate(KEY, State.EMPTY),
        Replicate(KEY, STATE, "nobody"),
        RootsQuery((16,)),
        NodesQuery(99, 1),
        LeavesQuery(99, (1,)),
    ],
)
def test_senseless_questions_are_refused_and_the_node_goes_on(cluster: Cluster, body: RequestBody) -> None:
    """A question that makes no sense changes nothing."""
    home = cluster.ring.homes(KEY)[0]
    assert isinstance(ask(cluster, home, body), Refusal)
    assert ask(cluster, home, Read(KEY)) == Found(State.EMPTY)


def test_a_level_that_does_not_exist_is_refused(cluster: Cluster) -> None:
    """Trees have levels 0 to 2."""
    home = cluster.ring.homes(KEY)[0]
    assert isinstance(ask(cluster, home, NodesQuery(cluster.ring.partition(KEY), 3)), Refusal)


def test_a_question_without_id_is_carried_out_and_not_answered(cluster: Cluster) -> None:
    """Id 0 wants no answer."""
    home = cluster.ring.homes(KEY)[0]
    assert cluster.question(home, PEER, PeerRequest(0, Replicate(KEY, STATE))) == []
    assert home in cluster.holders(KEY)
