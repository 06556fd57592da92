"""Finds cores, and other parts of a run, by a name that a user gives: the harness imports none of them itself."""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any, Final

from ringcheck.errors import UsageError
from ringcheck.simulation.captivity import captivity
from ringcheck.simulation.core import Kit

REFERENCE: Final = "ringcheck_reference.simulated"
NEEDED: Final = ("describe", "start", "disk")


def load(name: str) -> Any:
    """What `name` stands for: a module ("package.module" or "path/of/file.py"), or, after a colon, something in it.

    Raises UsageError with one sentence when there is none.
    """
    place, _, attribute = name.partition(":")
    module = _from_file(Path(place)) if place.endswith(".py") else _from_path(place)
    found: Any = module
    for part in attribute.split(".") if attribute else ():
        try:
            found = getattr(found, part)
        except AttributeError:
            raise UsageError(f"{place} has no {attribute}; name something that is in it, as MODULE:NAME.") from None
    return found


def settled_name(name: str) -> str:
    """The name with the path of a file in it made absolute, so that it means the same from everywhere."""
    place, colon, attribute = name.partition(":")
    return f"{Path(place).absolute()}{colon}{attribute}" if place.endswith(".py") else name


def load_kit(name: str) -> Kit:
    """The kit of that name. Raises UsageError, also for something that is none."""
    kit: Kit = load(name)
    missing = [each for each in NEEDED if not hasattr(kit, each)]
    if missing:
        raise UsageError(
            f"{name} is no core that can be simulated: it lacks {', '.join(missing)}; "
            "see the protocol in ringcheck.simulation.core."
        )
    if kit.disk not in ("transactions", "writes"):
        raise UsageError(f'{name} has disk = {kit.disk!r}; it must be "transactions" or "writes".')
    return kit


def _from_path(place: str) -> Any:
    if not all(part.isidentifier() for part in place.split(".")):
        raise UsageError(f"{place!r} is no name of a module; write package.module, or the path of a .py file.")
    try:
        with captivity():
            return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if (file := Path(f"{place}.py")).is_file():
            raise UsageError(f"There is no module {place}; for the file that lies here, write {file}.") from None
        raise UsageError(f"{place} cannot be imported: {error}; install it, or name the path of a .py file.") from None
    except (Exception, SystemExit) as error:
        raise UsageError(f"{place} cannot be imported: {type(error).__name__}: {error}.") from error


def _from_file(path: Path) -> Any:
    path = path.absolute()
    name = f"ringcheck_loaded_{path.stem}"
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    if not path.is_file():
        raise UsageError(f"There is no file {path}; name a Python file, or a module as package.module.")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))  # as for a script: its neighbours are found
    try:
        with captivity():
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UsageError(f"{path} cannot be imported: {type(error).__name__}: {error}.") from error
    finally:
        sys.path.remove(str(path.parent))
    return module
