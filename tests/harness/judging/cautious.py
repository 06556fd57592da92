"""What tests of the judges' caution share: faults that nobody can see through, and findings that may be absent."""

import pytest

from ringcheck.judging.handmade import Handmade
from ringcheck.judging.verdict import Finding, Judgement
from ringcheck.schedule import Configuration
from ringcheck_chaos.faults import (
    ClockSkew,
    DiskErrors,
    Fault,
    MessageFault,
    describe,
)

SILENT = Finding(requirement="")


def finding(judgement: Judgement, name: str) -> Finding:
    """What a judgement says of one requirement, something without content where it says nothing."""
    return judgement.findings.get(name, SILENT)


SIMULATED: tuple[Fault, ...] = (
    MessageFault(action="lose", kind="write"),
    MessageFault(action="repeat", every=3, delay_ms=20),
    MessageFault(action="delay", answers=True, delay_ms=200, source="n1"),
    DiskErrors(node="n1"),
    DiskErrors(node="n2"),
    ClockSkew(node="n1", rate=5.0),
    ClockSkew(node="n3", jump_ms=60_000),
)
"""Faults of messages, disks and clocks: nobody can say what still works under them."""

simulated = pytest.mark.parametrize("fault", SIMULATED, ids=[describe(fault) for fault in SIMULATED])


def five_nodes() -> Handmade:
    """Five nodes, N=3."""
    return Handmade(configuration=Configuration(nodes=5))
