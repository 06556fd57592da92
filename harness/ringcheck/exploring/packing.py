"""Histories packed small, for their way between processes and while they wait for each other.

One may have tens of megabytes, nearly all of which is there many times: whoever waits for another should not hold it.
"""

import zlib

FAST = 1
"""The level: most of what there is to be won, in a tenth of the time of the best."""


def packed(history: bytes) -> bytes:
    """The content of a history's file, packed."""
    return zlib.compress(history, FAST)


def unpacked(history: bytes) -> bytes:
    """The inverse of `packed`."""
    return zlib.decompress(history)
