"""Work during which the cyclic garbage collector waits."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """The collector waits within, and goes on afterwards if it was on before.

    It would look through lists of millions of operations again and again, and find nothing: what judges make is in
    no cycles, so it is freed as soon as it is let go.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
