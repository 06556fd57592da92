"""The mutants as kits of the simulated world: `tests/mutants/simulated.py:bug_17`.

Each is a copy of the reference of its own, of which one thing is changed: its modules are imported once more, and
the bug is planted in these. So the honest reference and all mutants can be simulated side by side in one process.
"""

import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

HERE = str(Path(__file__).parent)
REFERENCE = "ringcheck_reference"
BUGS = "bugs"
PREFIX = "bug_"


def __getattr__(name: str) -> ModuleType:
    """`bug_NAME` is the kit of the mutant NAME."""
    if not name.startswith(PREFIX):
        raise AttributeError(name)
    return kit(name.removeprefix(PREFIX))


@cache
def kit(name: str) -> ModuleType:
    """A copy of the reference with this bug planted."""
    aside = {each: sys.modules.pop(each) for each in _ours()}
    sys.path.insert(0, HERE)
    try:
        bugs = import_module(BUGS).BUGS
        if name not in bugs:
            raise AttributeError(f"there is no bug {name}")
        bugs[name].plant()
        return import_module(f"{REFERENCE}.simulated")
    finally:
        sys.path.remove(HERE)
        for each in _ours():
            del sys.modules[each]
        sys.modules.update(aside)


def _ours() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] in (REFERENCE, BUGS)]
