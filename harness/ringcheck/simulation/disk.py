"""Disks of simulated nodes: what they hold, what is on its way to them, and what a crash keeps of that."""

from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from ringcheck.simulation.chance import Chance
from ringcheck.simulation.clock import Scheduler
from ringcheck.simulation.core import Write

COMMIT_S = (0.0002, 0.004)
"""How long a write to the disk takes: from a quiet disk's to a busy one's."""
REPORT_S = 0.0005
"""How much later the node hears of it."""

Rows = dict[Hashable, bytes]


class Batch:
    """One `persist`, under way."""

    __slots__ = ("token", "writes")

    def __init__(self, token: int, writes: Sequence[Write]) -> None:
        self.token = token
        self.writes = writes


class Disk:
    """The disk of one node; it outlives its runs. `promise` is what the node's kit relies on, see `Kit.disk`."""

    def __init__(
        self, scheduler: Scheduler, chance: Chance, promise: Literal["transactions", "writes"] = "transactions"
    ) -> None:
        self.errors: list[int] = []
        """For each fault of disk errors that is about: one write in so many fails."""
        self._scheduler = scheduler
        self._chance = chance
        self._promise = promise
        self._rows: Rows = {}
        self._copy: Rows | None = None
        self._copied_at = 0.0
        self._waiting: deque[Batch] = deque()
        self._free_at = 0.0
        self._written = 0

    @property
    def rows(self) -> Mapping[Hashable, bytes]:
        """What it holds, to be read."""
        return MappingProxyType(self._rows)

    def persist(self, batch: Batch) -> float:
        """Take a batch; returns when it will be on the disk. Whoever asked calls `commit` then."""
        self._waiting.append(batch)
        begin = max(self._free_at, self._scheduler.now)
        self._free_at = begin + self._chance.between(*COMMIT_S)
        return self._free_at

    def commit(self, batch: Batch) -> bool:
        """The batch has reached the disk; whether it was kept."""
        first = self._waiting.popleft()
        assert first is batch, "a disk writes in the order in which it is asked"
        self._written += 1
        if any(self._written % every == 0 for every in self.errors):
            return False
        self._apply(batch.writes)
        return True

    def crash(self) -> None:
        """The node is gone, and what was on its way is decided by chance."""
        waiting, self._waiting = self._waiting, deque()
        self._free_at = 0.0
        if self._promise == "transactions":
            kept = self._chance.below(len(waiting) + 1) if waiting else 0
            for batch in list(waiting)[:kept]:
                self._apply(batch.writes)
            return
        for batch in waiting:
            for write in batch.writes:
                self._keep_lose_or_tear(write)

    def back_up(self) -> None:
        """Copy what is there."""
        self._copy = dict(self._rows)
        self._copied_at = self._scheduler.now

    @property
    def has_copy(self) -> bool:
        """Whether there is a copy to roll back to."""
        return self._copy is not None

    @property
    def copy_age_s(self) -> float:
        """How old the copy is, in seconds."""
        return self._scheduler.now - self._copied_at

    def forget_copy(self) -> None:
        """The copy is of a time that is not to come back."""
        self._copy = None

    def roll_back(self) -> None:
        """Put the last copy in its place, once. For a node that is down."""
        assert self._copy is not None, "nothing to roll back to"
        self._rows, self._copy = self._copy, None

    def wipe(self) -> None:
        """Lose everything, copies too. For a node that is down."""
        self._rows = {}
        self._copy = None

    def _keep_lose_or_tear(self, write: Write) -> None:
        write = Write(*write)
        match self._chance.below(3):
            case 0:
                self._apply((write,))
            case 1 if write.value is not None:
                self._apply((Write(write.row, write.value[: len(write.value) // 2], write.expected),))

    def _apply(self, writes: Sequence[Write]) -> None:
        rows = self._rows
        for row, value, expected in writes:
            if expected is not None and rows.get(row) != expected:
                continue
            if value is None:
                rows.pop(row, None)
            else:
                rows[row] = value
