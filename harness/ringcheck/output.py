"""Standard output for one writer alone, where other people's code runs in the same process."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO


@contextlib.contextmanager
def own_output() -> Iterator[BinaryIO]:
    """Standard output for us alone: whoever prints meanwhile, by whatever means, writes to standard error."""
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "wb") as ours:
        os.dup2(2, 1)
        try:
            yield ours
        finally:
            sys.stdout.flush()
            os.dup2(ours.fileno(), 1)
