"""How fast an exploration goes: a moving line on a terminal, a line now and then elsewhere, and rates at the end."""

import time
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ringcheck.exploring.tally import Tally
from ringcheck.judging import words

LINE_EVERY_S = 5.0
SLOW_S = 5.0
"""Seeds take a tenth of a second; one that takes so long is named."""


class Pace:
    """Shows one line, and renews it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._line = ""
        self._last_line = time.monotonic()
        self._live: Live | None = None

    def start(self) -> None:
        """Begin to show something."""
        if self._console.is_terminal:
            self._live = Live(console=self._console, transient=True, get_renderable=self._picture)
            self._live.start()

    def stop(self) -> None:
        """Take the line away. Stopping twice does nothing."""
        if self._live:
            self._live.stop()
            self._live = None

    def seeds(self, tally: Tally, longest: tuple[int, float] | None = None) -> None:
        """Seeds are being tried; `longest` is one of them, and the seconds since it was begun."""
        self._show(summary(tally, longest))

    def shrinking(self, what: str, tries: int, steps: int) -> None:
        """A failure is being shrunk."""
        self._show(f"shrinking ({what}): {words.times(tries, 'try', 'tries')}, {words.times(steps, 'step')} left")

    def _show(self, line: str) -> None:
        self._line = line
        if not self._live and time.monotonic() - self._last_line >= LINE_EVERY_S:
            self._last_line = time.monotonic()
            self._console.print(Text(line), soft_wrap=True)

    def _picture(self) -> Text:
        return Text(self._line, no_wrap=True, overflow="ellipsis")


def summary(tally: Tally, longest: tuple[int, float] | None = None) -> str:
    """Where the exploration is, in one line."""
    failing = words.times(tally.failing, "failure")
    parts = [f"{tally.seeds:,} seeds", *rates(tally), failing, f"{tally.seconds:.0f} s"]
    if longest and longest[1] >= SLOW_S:
        parts.append(f"at seed {longest[0]} for {longest[1]:.0f} s")
    return " · ".join(parts)


def rates(tally: Tally) -> Iterator[str]:
    """Seeds a second of real time; everything else by the second of CPU time, which workers add up."""
    if tally.seconds:
        yield f"{tally.seeds / tally.seconds:.1f}/s"
    if tally.cpu_s:
        yield "by CPU-s: " + ", ".join(
            f"{_round(amount / tally.cpu_s)} {what}"
            for amount, what in (
                (tally.simulated_s, "simulated s"),
                (tally.messages, "messages"),
                (tally.operations, "operations judged"),
            )
        )
        yield f"judging {tally.judging_s / tally.cpu_s:.0%}"


def rows(tally: Tally) -> Iterator[str]:
    """The rates one below the other, with what they are made of."""
    cpu = tally.cpu_s
    if tally.seeds and tally.seconds:
        yield _row(tally.seeds / tally.seconds, f"seeds a second ({tally.seeds:,} in {tally.seconds:.1f} s)")
    if cpu:
        yield _row(tally.simulated_s / cpu, f"simulated seconds per CPU-second ({tally.simulated_s:,.0f} s)")
        yield _row(tally.messages / cpu, f"messages per CPU-second ({tally.messages:,})")
        yield _row(tally.operations / cpu, f"judged operations per CPU-second ({tally.operations:,})")
        shares = (("drawing", tally.drawing_s), ("running", tally.running_s), ("judging", tally.judging_s))
        shared = ", ".join(f"{what} {part / cpu:.0%}" for what, part in shares)
        yield f"{'':>9}  of {cpu:.1f} CPU-seconds: {shared}"


def _row(rate: float, what: str) -> str:
    return f"{_round(rate):>9}  {what}"


def _round(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
