"""What a cluster has still to do after a change, by what its nodes say."""

from dynamo_node.v1 import inspect_pb2
from ringcheck.operating.changes import ChangeReport, Statuses, missing


def says(*members: str, view: bytes = b"v", unconfirmed: int = 0, draining: str = "") -> inspect_pb2.StatusResponse:
    """A status."""
    return inspect_pb2.StatusResponse(
        members=members,
        view_digest=view,
        unconfirmed_partitions=range(unconfirmed),
        draining=draining.split(),
    )


def change(kind: str, node: str) -> ChangeReport:
    """A change that n1 has taken."""
    return ChangeReport(change=kind, node=node, through="n1", view_digest="")


def test_a_join_is_carried_out_when_all_know_it_and_have_confirmed() -> None:
    """The joiner too."""
    new = says("n1", "n2", "n3")
    statuses = {"n1": new, "n2": new, "n3": new}
    assert missing(change("join", "n3"), statuses) == ()
    assert missing(change("join", "n3"), statuses | {"n2": says("n1", "n2", view=b"old")}) == (
        "n2 does not know it yet",
    )
    assert missing(change("join", "n3"), statuses | {"n3": says("n1", "n2", "n3", unconfirmed=5)}) == (
        "n3 has 5 partitions to confirm",
    )
    assert missing(change("join", "n3"), statuses | {"n3": "connection refused"}) == ("n3: connection refused",)
    assert missing(change("join", "n3"), {"n1": new, "n2": new}) == ("n3: its address is not known here",)


def test_equal_members_with_other_views_are_not_the_end() -> None:
    """Somebody's confirmation has not been heard everywhere."""
    statuses = {"n1": says("n1", "n2"), "n2": says("n1", "n2", view=b"w")}
    assert missing(change("join", "n2"), statuses) == ("views differ",)


def test_a_change_that_nobody_shows_is_not_carried_out() -> None:
    """As after the loss of those that took it."""
    assert "no node knows it yet" in missing(change("join", "n2"), {"n1": says("n1")})
    assert missing(change("join", "n2"), {"n1": "connection refused"}) == ("no node knows it yet",)


def test_a_leaver_is_waited_for_until_it_is_drained_and_no_longer() -> None:
    """Afterwards it may be gone."""
    statuses: Statuses = {"n1": says("n1", draining="n3"), "n2": "refused", "n3": says("n1", draining="n3")}
    assert missing(change("leave", "n3"), statuses) == ("n3 is not drained",)
    assert missing(change("leave", "n3"), {"n1": says("n1"), "n3": "connection refused"}) == ()


def test_a_spare_and_the_removed_are_not_waited_for() -> None:
    """Whoever is no member owes nothing."""
    statuses: Statuses = {"n1": says("n1", "n2"), "n2": says("n1", "n2"), "n3": "connection refused", "n9": says("n1")}
    assert missing(change("remove", "n3"), statuses) == ()
