"""Whole clusters, from seeds: whatever comes and goes, nothing promised is lost."""

import pytest

from .upheaval import breach


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("faults", [False, True], ids=["quiet", "faulty"])
def test_members_come_and_go_and_nothing_is_lost(seed: int, faults: bool) -> None:
    """After changes, with clients all along, the cluster agrees, has handed everything over, and kept its promises."""
    assert breach(seed, faults=faults) == ""
