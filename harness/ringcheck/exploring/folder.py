"""Where an exploration keeps what it finds, and how a later one goes on from there.

OUT/20260102-030405-explore/   explore.jsonl  what happened, one event a line, as it happened
                               explore.json   what came of it, at its end
                               state.json     how far it has come, renewed now and then
                               histories/     failures: of the seed, and of the small schedule
                               workers.log    what cores printed
OUT/examples/CORE/             small schedules that failed, for the next exploration of this core to begin with

Nothing is removed; an exploration that is resumed goes on in its own folder.
"""

import hashlib
import re
from pathlib import Path
from typing import TypeVar

import msgspec

from ringcheck.errors import UsageError
from ringcheck.exploring import seeds
from ringcheck.exploring import tally as tallying
from ringcheck.exploring.seeds import Position
from ringcheck.exploring.tally import Tally
from ringcheck.exploring.trial import SOURCE
from ringcheck.exploring.versions import current, difference
from ringcheck.results import make_folder

STATE = "state.json"

T = TypeVar("T")


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """By what an exploration was made, and of what: as much of a state as every version writes."""

    versions: dict[str, str] = {}
    core: str
    source: str


class State(Made, frozen=True, kw_only=True):
    """How far an exploration has come, and what it has found so far."""

    position: Position
    tally: Tally


def nonsense(state: State) -> str:
    """What no exploration can have left: the first such thing, in words; empty where all makes sense."""
    position, tally = state.position, state.tally
    if flaw := seeds.nonsense(position) or tallying.nonsense(tally):
        return flaw
    begun = position.following - position.first - len(position.missing)
    return f"{tally.seeds} seeds were tried of {begun}" if tally.seeds > begun else ""


class Folder:
    """The paths of one exploration. `root` is its own folder, `examples` that of its core."""

    def __init__(self, root: Path, examples: Path) -> None:
        self.root = root
        self.examples = examples
        self.histories = root / "histories"
        self.log = root / "explore.jsonl"
        self.summary = root / "explore.json"
        self.workers_log = root / "workers.log"
        self._state = root / STATE

    @classmethod
    def create(cls, out: Path, core: str, source: str) -> "Folder":
        """Make a new one below `out`; raises UsageError with one sentence if it cannot be written."""
        return cls(make_folder(out, "explore", ("histories",)), examples_of(out, core, source))

    def write_state(self, state: State) -> None:
        """Put the state in place of the last one; whoever reads meets the one or the other, whole."""
        replace(self._state, msgspec.json.encode(state))


def replace(path: Path, content: bytes) -> None:
    """Write a file so that it is never seen half written."""
    aside = path.with_name(f".{path.name}")
    aside.write_bytes(content)
    aside.replace(path)


def newest(out: Path, core: str, source: str) -> tuple[Folder, State]:
    """The newest exploration of this core with this source below `out`.

    Raises UsageError when there is none, when it makes no sense, or when other versions of anything have left it.
    """
    others: dict[str, None] = {}
    for path in sorted(out.glob(f"*/{STATE}"), key=lambda each: each.stat().st_mtime_ns, reverse=True):
        if path.parent.is_symlink():
            continue
        made = _read(path, Made)
        if (made.core, made.source) != (core, source):
            others[_named(made.core, made.source)] = None
            continue
        then, now = difference(made.versions, current())
        if then:
            raise UsageError(
                f"The exploration in {path.parent} was made by {then}, whose seeds are other schedules than those of "
                f"{now}; explore anew, without --resume."
            )
        state = _read(path, State)
        if flaw := nonsense(state):
            raise _NoStateError(path, flaw)
        return Folder(path.parent.absolute(), examples_of(out, core, source)), state
    found = f"only of {', '.join(others)}" if others else "nor of any other"
    raise UsageError(
        f"There is no exploration of {_named(core, source)} in {out} to resume, {found}; explore without --resume."
    )


def examples_of(out: Path, core: str, source: str) -> Path:
    """The folder of the examples of one core; another source has another folder."""
    name = core if source == SOURCE else f"{core}@{source}"
    slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")
    if slug != name:
        slug += f"-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
    return out.absolute() / "examples" / slug


def _named(core: str, source: str) -> str:
    return core if source == SOURCE else f"{core} (schedules from {source})"


class _NoStateError(UsageError):
    """A file by the name of a state is none."""

    def __init__(self, path: Path, why: object) -> None:
        super().__init__(f"{path} is no state of an exploration ({why}); remove it, or do without --resume.")


def _read(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise _NoStateError(path, error) from None
