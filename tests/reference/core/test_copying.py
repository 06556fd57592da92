"""What is refused because a view is not known yet is asked again, and not for ever."""

import pytest

from ringcheck_reference.core.copying import Copying
from ringcheck_reference.core.messages import Code, Refusal, Roots, RootsQuery

from .cluster import Cluster


def begun(cluster: Cluster) -> tuple[Copying, list[bool]]:
    """A copying of one partition at n1 from n2, which has asked for the root, and how it has ended."""
    ended: list[bool] = []
    copying = Copying(cluster.running["n1"].core._desk, "n2", (0,), ended.append)
    copying.start()
    return copying, ended


def refuse(copying: Copying, code: Code) -> None:
    """Whatever is asked."""
    for request in list(copying._queries):
        copying.on_answer(request, "n2", Refusal(code, "no"))


def test_a_refused_question_is_asked_again() -> None:
    """And what is answered then counts as ever."""
    cluster = Cluster(4)
    copying, ended = begun(cluster)
    refuse(copying, Code.FAILED_PRECONDITION)
    assert not ended
    assert not copying._queries
    copying.on_time()
    ((request, query),) = copying._queries.items()
    assert query == RootsQuery((0,))
    copying.on_answer(request, "n2", Roots((bytes(32),)))
    assert ended == [True]


def test_it_is_given_up_in_the_end() -> None:
    """A partition that is not to be had is left to the next attempt."""
    cluster = Cluster(4)
    copying, ended = begun(cluster)
    for _ in range(20):
        refuse(copying, Code.FAILED_PRECONDITION)
        copying.on_time()
    assert ended == [False]


@pytest.mark.parametrize("differs", [True, False])
def test_other_refusals_end_it(differs: bool) -> None:
    """Another reason is none to wait for; and who knows of other members has to be told of them first."""
    cluster = Cluster(4)
    copying, ended = begun(cluster)
    if differs:
        cluster.running["n1"].core._desk.standing.hear("n2", b"another view")
    refuse(copying, Code.FAILED_PRECONDITION if differs else Code.UNAVAILABLE)
    assert ended == [False]
