"""How many nodes and workers a command may be asked for."""

import os
from typing import Final

import click

WORKERS: Final = click.IntRange(min=0, max=16 * len(os.sched_getaffinity(0)))
"""Each is a process of some tens of megabytes, or a cluster: sixteen for each core are too many, more a slip."""

NODES: Final = click.IntRange(1, 50)
"""Each is a process, and so many of them have a proxy on each of 2,450 directed links."""
