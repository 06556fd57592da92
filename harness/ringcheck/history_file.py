"""History files: JSON lines, a header first, a footer last, each line on the disk as soon as it is known."""

import contextlib
import re
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from ringcheck.errors import HistoryError
from ringcheck.history import FORMAT, Event, Footer, Header, History

_header = msgspec.json.Decoder(Header)
_line = msgspec.json.Decoder(Event | Footer)


class HistoryWriter:
    """Writes a history as it happens.

    Without `close` the file has no footer, and so says of itself that it was cut off. Raises OSError where the file
    cannot be written.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self._file = path.open("wb", buffering=0)
        self._encoder = msgspec.json.Encoder()
        self._events = 0
        self._append(header)

    def write(self, event: Event) -> None:
        """Append one event; when this returns, the system has it, and our own death cannot lose it."""
        self._append(event)
        self._events += 1

    def close(self, time: float, draws: int = 0) -> None:
        """Append the footer, at `time` seconds since the run began; the history is whole."""
        self._append(Footer(time=time, events=self._events, draws=draws))
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _append(self, line: Event | Header | Footer) -> None:
        self._file.write(self._encoder.encode(line) + b"\n")


def read_history(path: Path, *, partial: bool = False) -> History:
    """The history in a file.

    `partial` also takes one that was cut off: its whole events, and None as footer. Raises HistoryError with one
    sentence for everything that is no whole history of a format this version knows.
    """
    lines = _lines(path)
    header = _read_header(path, lines[0], alone=len(lines) == 1)
    events: list[Event] = []
    footer: Footer | None = None
    for number, line in enumerate(lines[1:], start=2):
        if footer is not None:
            raise HistoryError(f"{path}, line {number}: text follows the footer; a history ends there. {_ADVICE}")
        try:
            item = _line.decode(line)
        except msgspec.DecodeError as error:  # ValidationError too
            if number == len(lines) and not line.endswith(b"\n"):
                break
            raise HistoryError(f"{path}, line {number} is no event of a history ({error}). {_ADVICE}") from None
        if not 0 <= item.time <= LONGEST_S:
            raise HistoryError(f"{path}, line {number} has the time {item.time:g} s, which no run has. {_ADVICE}")
        if isinstance(item, Footer):
            footer = item
        else:
            events.append(item)
    if footer is None and not partial:
        raise HistoryError(
            f"{path} was cut off after {_count(len(events))}: it has no footer. "
            "A run that ends by itself writes one; run it again, or replay what is there."
        )
    if footer is not None and footer.events != len(events):
        raise HistoryError(
            f"{path} holds {_count(len(events))}, and its footer counts {footer.events}: lines were lost or added. "
            f"{_ADVICE}"
        )
    return History(header=header, events=tuple(events), footer=footer)


LONGEST_S = 1e8
"""Three years: no run takes so long."""

_ADVICE = "Name a file that ringcheck wrote, unchanged."


def _lines(path: Path) -> list[bytes]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        nearest = _nearest(path)
        meant = f"did you mean {nearest}?" if nearest else "name a history, such as OUT/histories/NAME.jsonl."
        raise HistoryError(f"There is no file {path}; {meant}") from None
    except IsADirectoryError:
        raise HistoryError(f"{path} is a folder; name a history file, such as {path}/NAME.jsonl.") from None
    except OSError as error:
        raise HistoryError(f"{path} cannot be read ({error.strerror}); name a file that you may read.") from None
    if not content:
        raise HistoryError(f"{path} is empty; a history begins with a header. The run was ended before it began.")
    return content.splitlines(keepends=True)


def _nearest(path: Path) -> Path | None:
    """The history beside it that is called as it is, but for the namespace at the end which makes names unique.

    Of several it is the newest.
    """
    name = re.compile(re.escape(path.name.removesuffix(path.suffix)) + r"-[0-9a-f]+\.jsonl")
    found: list[tuple[float, Path]] = []
    with contextlib.suppress(OSError):  # there is no such folder, or it may not be read
        found = [(each.stat().st_mtime, each) for each in path.parent.iterdir() if name.fullmatch(each.name)]
    return max(found, default=(0.0, None))[1]


class _Opening(msgspec.Struct, tag_field="event", tag="header"):
    """As much of a header as every format has."""

    format: int


def _read_header(path: Path, line: bytes, *, alone: bool) -> Header:
    try:
        opening = msgspec.json.decode(line, type=_Opening)
    except msgspec.DecodeError as error:
        if alone and line.startswith(b'{"event":"header"') and not line.endswith(b"\n"):
            raise HistoryError(f"{path} was cut off within its header, before any event. Run it again.") from None
        raise HistoryError(f"{path} is no history: its first line is no header ({error}). {_ADVICE}") from None
    if opening.format > FORMAT:
        raise HistoryError(
            f"{path} has format {opening.format}, and this version reads up to {FORMAT}. "
            "Judge it with the ringcheck that wrote it, or a newer one."
        )
    try:
        return _header.decode(line)
    except msgspec.DecodeError as error:
        raise HistoryError(f"{path} has a header that cannot be understood ({error}). {_ADVICE}") from None


def _count(events: int) -> str:
    return "1 event" if events == 1 else f"{events} events"
