"""A seed has one schedule and one history: in every process, whatever it has imported, whatever its hash seed."""

import os
import subprocess
import sys

PROGRAM = """
import hashlib, sys
for name in sys.argv[1].split(","):
    __import__(name)
from ringcheck.exploring.executor import content
from ringcheck.exploring.trial import Trials
from ringcheck.simulation.loading import REFERENCE
trials = Trials(REFERENCE)
for seed in (*range(20), 37, 47, 61):
    _, history = trials.attempt(seed)
    print(seed, hashlib.sha256(content(history)).hexdigest())
"""


def digests(imports: str, hash_seed: str) -> str:
    """What the histories of some seeds come to in a process of their own."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, imports],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True, text=True, timeout=100, check=True,
    ).stdout  # fmt: skip


def test_seeds_have_the_same_histories_in_every_process() -> None:
    """Byte by byte, drawn by Hypothesis and carried out by the reference."""
    one = digests("sys", "1")
    other = digests("ringcheck.commands.run,ringcheck.worlds.live,ringcheck.reports.terminal,ringcheck.doctor", "2")
    assert one == other
    assert len(set(one.split())) > 40
