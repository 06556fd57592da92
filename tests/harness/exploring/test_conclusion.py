"""Exit codes: what outweighs what."""

from typing import Any

import pytest

from ringcheck.exploring.conclusion import exit_code
from ringcheck.exploring.tally import Group, Tally
from ringcheck.exploring.trial import BROKE, Alarm


def tally(*requirements: str, held: int = 1) -> Tally:
    """One in which these failed."""
    groups = {name: Group(alarm=Alarm(requirement=name, cause="")) for name in requirements}
    return Tally(held={"KV-01": held} if held else {}, groups=groups)


@pytest.mark.parametrize(
    ("found", "more", "code"),
    [
        (tally(), {}, 0),
        (tally("RR-01"), {}, 0),
        (tally("DUR-01"), {}, 1),
        (tally(BROKE), {}, 4),
        (tally(BROKE, "DUR-01"), {}, 1),
        (tally(), {"differs": True}, 4),
        (tally("DUR-01"), {"differs": True}, 1),
        (tally(), {"problems": True}, 4),
        (tally(held=0), {}, 3),
        (tally("RR-01", held=0), {}, 3),
        (tally("DUR-01"), {"interrupted": True}, 130),
    ],
)
def test_exit_code(found: Tally, more: dict[str, Any], code: int) -> None:
    """1 beats 4 beats 3; a SHOULD only warns; an interrupted exploration is 130 whatever it found."""
    assert exit_code(found, **more) == code
