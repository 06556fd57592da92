"""How many workers a command may be asked for."""

import os
from typing import Final

import click

WORKERS: Final = click.IntRange(min=0, max=16 * len(os.sched_getaffinity(0)))
"""Each is a process of some tens of megabytes, or a cluster: sixteen for each core are too many, more a slip."""
