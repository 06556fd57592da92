"""The folder of one run's results, and the link to the latest.

    OUT/20260102-030405-SEED/    run.json      what was asked and what came of it
                                 histories/    one file a schedule; `ringcheck check` judges it again
                                 events/       what each worker said while it ran
                                 pytest.log    what the tests printed, seldom of interest
    OUT/latest                   a link to the newest of them

Nothing is overwritten and nothing is removed: earlier runs stay until the user deletes them.
"""

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from ringcheck.errors import UsageError


class Results:
    """The paths of one run's results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.histories = folder / "histories"
        self.events = folder / "events"
        self.log = folder / "pytest.log"
        self.summary = folder / "run.json"

    @classmethod
    def create(cls, out: Path, seed: int) -> "Results":
        """Make a new folder below `out`; raises UsageError with one sentence if it cannot be written."""
        return cls(make_folder(out, f"{seed}", ("histories", "events")))


def make_folder(out: Path, name: str, parts: Sequence[str]) -> Path:
    """A new folder below `out`, called by the time and `name`, with these folders in it; `latest` links to it.

    Raises UsageError with one sentence if it cannot be written.
    """
    stem = stem_of(name)
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = _new_folder(out.absolute(), stem)
        for part in parts:
            (folder / part).mkdir()
        _link(out / "latest", folder.name)
    except OSError as error:
        raise UsageError(
            f"The results folder {out} cannot be written ({error.strerror}); name another one with --out DIR."
        ) from None
    return folder


def stem_of(name: str) -> str:
    """What a folder is called that is made now."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"


def share_folder(folder: Path) -> None:
    """As make_folder, for several processes that have agreed on one. Raises UsageError if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _link(folder.parent / "latest", folder.name)
    except OSError as error:
        raise UsageError(
            f"The results folder {folder} cannot be written ({error.strerror}); name another one with --ringcheck-out."
        ) from None


def _new_folder(out: Path, stem: str) -> Path:
    for number in range(1, 1000):
        folder = out / (stem if number == 1 else f"{stem}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise FileExistsError(None, f"a thousand folders are called {stem}")


def _link(link: Path, name: str) -> None:
    # Made aside and moved into place: two runs may end up here at once. Something of that name that is not a link
    # is the user's own, and stays.
    if link.exists() and not link.is_symlink():
        return
    aside = link.with_name(f".latest-{os.getpid()}")
    aside.symlink_to(name)
    aside.replace(link)
