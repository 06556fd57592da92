"""The disk of one process: a folder that can be copied, put back, and lost.

All of it is the supervisor's doing: it removes the run's folder in the end, so nothing can be written there any more
once it is gone.
"""

import time
from pathlib import Path

from ringcheck_chaos.processes import Process, ProcessError


class Disk:
    """What a process keeps below `folder`. There is one copy at most; a later one replaces it."""

    def __init__(self, process: Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._copy = folder.with_name(f"{folder.name}.copy")
        self.has_copy = False
        """Whether there is a copy to roll back to."""
        self._copied_at = 0.0

    @property
    def copy_age_s(self) -> float:
        """How old the copy is, in seconds, from when copying began."""
        return time.monotonic() - self._copied_at

    async def back_up(self) -> float:
        """Copy what is there now; returns for how many seconds the process was stopped meanwhile, if it runs.

        So the copy is of one moment: what a SIGKILL would have left. One that is paused stays so. Raises ProcessError.
        """
        began = time.monotonic()
        if running := self._process.running and not self._process.paused:
            stopped = await self._process.pause()
            if not stopped.bit and self._process.running:
                await self._process.resume()
                raise ProcessError(f"The disk of a process that goes on cannot be copied: {stopped.detail}.")
        try:
            await self._ask("copy", source=self._folder, target=self._copy)
            self.has_copy, self._copied_at = True, began
        finally:
            if running:
                await self._process.resume()
        return time.monotonic() - began if running else 0.0

    async def roll_back(self) -> None:
        """Put the copy in its place, once. For a process that is gone. Raises ProcessError."""
        assert self.has_copy, "nothing to roll back to"
        await self._ask("move", source=self._copy, target=self._folder)
        self.has_copy = False

    async def wipe(self) -> None:
        """Lose everything, the copy too. For a process that is gone. Raises ProcessError."""
        await self._ask("empty", target=self._folder)
        self.has_copy = False

    def forget_copy(self) -> None:
        """The copy is of a time that is not to come back."""
        self.has_copy = False

    async def _ask(self, do: str, **folders: Path) -> None:
        await self._process.supervisor.ask(do, **{name: str(folder) for name, folder in folders.items()})
