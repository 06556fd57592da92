"""What a run is doing, while it does it: a moving picture on a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ringcheck.events import (
    CaseBegan,
    CaseEnded,
    Collected,
    Event,
    Progress,
    ScheduleBegan,
    ScheduleEnded,
    TargetBroke,
    WorkerLost,
)
from ringcheck.reports.printable import printable

LINE_EVERY_S = 5.0
TELLS = 5
"""One test of so many tells how long the others may take."""


class ProgressReport:
    """Counts tests and shows what each worker does. A context manager: leaving it takes the picture away."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tests = 0
        self._ended = 0
        self._breaches = 0
        self._doing: dict[str, str] = {}
        self._began = self._last_line = time.monotonic()
        # Last of all: it asks for its first picture when it is made.
        self._live: Live | None = None
        if console.is_terminal:
            self._live = Live(console=console, transient=True, get_renderable=self._picture)

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def heard(self, event: Event) -> None:
        """Take an event up, and show a breach at once."""
        match event:
            case Collected(tests=tests):
                self._tests = tests
            case CaseBegan(worker=worker, test=test):
                self._doing[worker] = _short(test)
            case ScheduleBegan(worker=worker, schedule=schedule):
                self._doing[worker] = schedule
            case Progress(worker=worker, text=text):
                self._doing[worker] = f"{self._doing.get(worker, '').split(': ')[0]}: {text}"
            case ScheduleEnded(judgement=judgement):
                self._show_breaches(
                    [] if judgement.invalid else [n for n, f in judgement.findings.items() if f.breaches]
                )
            case CaseEnded(worker=worker):
                self._ended += 1
                self._doing.pop(worker, None)
            case TargetBroke(reason=reason, fatal=False) | WorkerLost(reason=reason):
                self._console.print(Text(printable(reason), "yellow"), soft_wrap=True)
        self._line_now_and_then()

    def summary(self) -> str:
        """Where the run is, in one line."""
        found = f", {self._breaches} with a breach" if self._breaches else ""
        seconds = time.monotonic() - self._began
        left = f", about {seconds / self._ended * (self._tests - self._ended):.0f} s to go" if self._is_some_way else ""
        starting = "" if self._doing or self._ended else "  workers are starting"
        return f"{self._ended}/{self._tests or '…'} tests{found}, {seconds:.0f} s{left}{starting}"

    @property
    def _is_some_way(self) -> bool:
        """Whether so many tests have ended that the others can be expected to take as long."""
        return self._tests > self._ended >= max(1, self._tests / TELLS)

    def _show_breaches(self, requirements: list[str]) -> None:
        if requirements:
            self._breaches += 1
            self._console.print(Text(f"breach of {', '.join(requirements)}; the story follows at the end", "red"))

    def _line_now_and_then(self) -> None:
        if self._live or time.monotonic() - self._last_line < LINE_EVERY_S:
            return
        self._last_line = time.monotonic()
        doing = " | ".join(f"{worker} {what}" for worker, what in sorted(self._doing.items()))
        self._console.print(Text(f"{self.summary()}  {doing}".rstrip()), soft_wrap=True)

    def _picture(self) -> Text:
        lines = [self.summary(), *(f"  {worker}  {what}" for worker, what in sorted(self._doing.items()))]
        return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")


def _short(test: str) -> str:
    return test.rpartition("::")[2]
