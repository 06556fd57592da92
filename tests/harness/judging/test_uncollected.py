"""The garbage collector waits, and afterwards is as it was."""

import gc

import pytest

from ringcheck.judging.uncollected import uncollected


@pytest.mark.parametrize("was_on", [True, False])
def test_collector_is_as_it_was_also_after_an_error(was_on: bool) -> None:
    """It is off within, and on afterwards only if it was on before."""
    before = gc.isenabled()
    (gc.enable if was_on else gc.disable)()
    try:
        with uncollected():
            assert not gc.isenabled()
        assert gc.isenabled() == was_on
        with pytest.raises(LookupError), uncollected():
            raise LookupError
        assert gc.isenabled() == was_on
    finally:
        (gc.enable if before else gc.disable)()
