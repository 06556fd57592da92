"""The scripted examples as tests: each makes the events of its requirements certain and judges the target by them."""

import pytest

from ringcheck.conform import Conform
from ringcheck_properties.clusters import TooFewNodesError
from ringcheck_properties.registry import Example, all_examples

EXAMPLES = [
    pytest.param(example, marks=pytest.mark.requirement(*example.requirements), id=example.name)
    for example in all_examples()
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_requirement(example: Example, conform: Conform) -> None:
    """The target keeps its word where the example puts it to the test."""
    try:
        schedule = example.schedule(conform.settings.nodes, conform.settings.seed)
    except TooFewNodesError as error:
        pytest.skip(f"inconclusive: {', '.join(example.requirements)} {error}")
    conform(schedule)
