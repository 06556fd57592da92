"""Leases on ports, within one process and between several."""

import socket
import subprocess
import sys

import pytest

from ringcheck_chaos.ports import FIRST, LAST, NoPortsError, lease

LEASE_AND_WAIT = """
import sys
from ringcheck_chaos.ports import lease
leased = lease(40)
print(*leased.ports, flush=True)
sys.stdin.read()
"""


def first_line(process: subprocess.Popen[str]) -> str:
    """What a process writes first."""
    assert process.stdout
    return process.stdout.readline()


def test_ports_are_distinct_and_free() -> None:
    """A lease holds as many different ports as were asked for, each of which can be listened on."""
    with lease(20) as leased:
        assert len(set(leased.ports)) == 20
        for port in leased.ports:
            assert FIRST <= port <= LAST
            socket.create_server(("127.0.0.1", port)).close()


def test_leases_of_several_processes_never_meet() -> None:
    """Six processes that lease at the same time hold disjoint ports."""
    argv = [sys.executable, "-c", LEASE_AND_WAIT]
    children = [subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    try:
        ports = [int(port) for child in children for port in first_line(child).split()]
    finally:
        for child in children:
            child.communicate()
    assert len(ports) == 240
    assert len(set(ports)) == 240


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch, worker_id: str) -> int:
    """The first of four ports below the range that is leased, where no outgoing connection takes one either.

    Workers that run tests side by side have four each.
    """
    first = 19_900 + 4 * int(worker_id.removeprefix("gw").replace("master", "0"))
    monkeypatch.setattr("ringcheck_chaos.ports.FIRST", first)
    monkeypatch.setattr("ringcheck_chaos.ports.LAST", first + 3)
    return first


def test_released_ports_can_be_leased_again(narrow: int) -> None:
    """What is released is to be had again, what is not is not."""
    first = lease(4)
    with pytest.raises(NoPortsError, match=f"Only 0 of the ports {narrow}-{narrow + 3} are free and 1 are needed"):
        lease(1)
    first.release()
    with lease(4) as second:
        assert set(second.ports) == set(first.ports)


def test_failed_lease_holds_nothing(narrow: int) -> None:
    """A lease that cannot be had in full leaves all ports to others."""
    with pytest.raises(NoPortsError):
        lease(5)
    lease(4).release()


def test_ports_in_use_are_passed_over(narrow: int) -> None:
    """A port on which somebody listens is not leased."""
    with socket.create_server(("127.0.0.1", narrow + 1)):
        with lease(3) as leased:
            assert set(leased.ports) == {narrow, narrow + 2, narrow + 3}


def test_lease_dies_with_its_holder(narrow: int) -> None:
    """The ports of a process that was killed are free at once."""
    narrowed = f"import sys, ringcheck_chaos.ports as ports; ports.FIRST, ports.LAST = {narrow}, {narrow + 3}"
    source = LEASE_AND_WAIT.replace("import sys", narrowed)
    argv = [sys.executable, "-c", source.replace("lease(40)", "lease(4)")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert len(first_line(holder).split()) == 4
        with pytest.raises(NoPortsError):
            lease(1)
        holder.kill()
    lease(4).release()
