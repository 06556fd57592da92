"""Random schedules as tests: several clients, overlapping faults, judged at every convergence.

Each is a test of its own with a seed of its own, made from the run's, so that workers share them.
"""

import pytest

from ringcheck.conform import Conform
from ringcheck_properties.clusters import lazy, usual
from ringcheck_properties.machine import carry_out_one

JUDGED = (
    "KV-13",
    "DUR-01",
    "DUR-02",
    "SIB-01",
    "SIB-02",
    "SIB-03",
    "SIB-04",
    "AVL-01",
    "AVL-02",
    "AVL-03",
    "AVL-05",
    "HND-01",
    "HND-02",
    "HND-03",
    "AE-01",
    "AE-02",
    "AE-03",
    "AE-05",
    "RNG-01",
    "RNG-02",
)
"""What a random schedule may bring to light; the rest takes a script."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """As many tests as random schedules are asked for."""
    metafunc.parametrize("part", range(metafunc.config.option.ringcheck_schedules))


@pytest.mark.requirement(*JUDGED)
def test_random(part: int, conform: Conform) -> None:
    """The target keeps its word whatever happens."""
    # Two halves, not turn by turn: a cluster is started anew for another configuration.
    shape = usual if 2 * part < conform.settings.schedules else lazy
    configuration = shape(conform.settings.nodes)
    carry_out_one(configuration, conform, name=f"random-{part}", run_seed=conform.settings.seed, part=part)
