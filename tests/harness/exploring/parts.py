"""Small cores and a small source for tests of exploring; found by name, as `parts.py:NAME`, also by worker processes.

The cores are `docs/tiny.py` with something planted in it. The source draws a few operations; seeds that end in 7 also
write to the key "bug", which is what most planted bugs go by.
"""

import hashlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ringcheck.schedule import Configuration, Get, Put, Schedule, Settle, Step
from ringcheck.simulation.loading import load

HERE = Path(__file__)
TINY = str(HERE.parents[3] / "docs" / "tiny.py")
CONFIGURATION = Configuration(nodes=3, n=3, r=2, w=2, anti_entropy_interval_ms=200, request_timeout_ms=800)

tiny: Any = load(TINY)


def name(part: str) -> str:
    """The name under which a part of this file is found."""
    return f"{HERE}:{part}"


class Kit:
    """Makes tiny nodes with something planted: called with each put, it tells whether to go on as usual."""

    disk = tiny.disk
    describe = staticmethod(tiny.describe)

    def __init__(self, planted: Callable[[Any, bytes], bool]) -> None:
        self._planted = planted

    def start(self, config: Any, disk: Any, surroundings: Any, *, incarnation: str, entropy: bytes) -> Any:
        """One node."""
        core = tiny.start(config, disk, surroundings, incarnation=incarnation, entropy=entropy)
        put, planted = core.put, self._planted

        def planted_put(now: float, call: int, key: bytes, value: bytes, context: bytes, w: int) -> None:
            if planted(core, key):
                put(now, call, key, value, context, w)
            else:
                core.outside.reply(call, "OK", context=b"[]")

        core.put = planted_put
        return core


def _raise(_core: Any, key: bytes) -> bool:
    if key.endswith(b"bug"):
        raise ValueError(f"cannot store {key!r}")
    return True


def _die(_core: Any, key: bytes) -> bool:
    if key.endswith(b"bug"):
        os.kill(os.getpid(), signal.SIGKILL)
    return True


def _exit(_core: Any, key: bytes) -> bool:
    if key.endswith(b"bug"):
        os._exit(0)
    return True


def _loop(_core: Any, key: bytes) -> bool:
    while key.endswith(b"bug"):
        time.sleep(0.01)
    return True


def _print(_core: Any, key: bytes) -> bool:
    print(f"storing {key!r} to the file")  # noqa: T201  - what a careless core does
    os.write(1, f"storing {key!r} to the descriptor\n".encode())
    return True


forgets = Kit(lambda _core, key: not key.endswith(b"bug"))
raises = Kit(_raise)
dies = Kit(_die)
exits = Kit(_exit)
loops = Kit(_loop)
prints = Kit(_print)


class Dice:
    """A kit whose nodes draw numbers of their own."""

    disk = tiny.disk
    describe = staticmethod(tiny.describe)

    def start(self, config: Any, disk: Any, surroundings: Any, *, incarnation: str, entropy: bytes) -> Any:
        """One node, whose entropy is not what it was given."""
        return tiny.start(config, disk, surroundings, incarnation=incarnation, entropy=os.urandom(len(entropy)))


dice = Dice()


class Hashing:
    """A kit whose nodes go by the order of a set of texts, which differs from process to process."""

    disk = tiny.disk
    describe = staticmethod(tiny.describe)

    def start(self, config: Any, disk: Any, surroundings: Any, *, incarnation: str, entropy: bytes) -> Any:
        """One node, whose name for itself depends on such an order."""
        order = "".join({f"x{number}" for number in range(50)})
        own = hashlib.sha256(entropy + order.encode()).digest()
        return tiny.start(config, disk, surroundings, incarnation=incarnation, entropy=own)


hashing = Hashing()


class Stillborn:
    """A kit whose nodes cannot be started."""

    disk = tiny.disk
    describe = staticmethod(tiny.describe)

    def start(self, config: Any, disk: Any, surroundings: Any, *, incarnation: str, entropy: bytes) -> Any:
        """No node."""
        raise OSError("no luck")


stillborn = Stillborn()


class Source:
    """Draws short schedules; shrinks by leaving steps out one by one; keeps what it finds as JSON files."""

    def draw(self, number: int) -> Schedule:
        """A few puts and gets, one of them to "bug" in seeds that end in 7."""
        keys = ["a", "b", "bug"] if number % 10 == 7 else ["a", "b"]
        steps: list[Step] = []
        for place in range(2 + number % 3):
            node = f"n{1 + (number + place) % 3}"
            steps += [
                Put(id=2 * place + 1, node=node, key=keys[place % len(keys)], value=f"v{place}"),
                Get(id=2 * place + 2, node=node, key=keys[(place + 1) % len(keys)]),
            ]
        if "bug" in keys:
            steps.append(Put(id=100, node="n1", key="bug", value="v100"))
        return _schedule(number, (*steps, Settle()))

    def shrink(self, number: int, fails: Callable[[Schedule], bool], database: Path | None = None) -> Schedule:
        """The seed's schedule without every step that it can do without."""
        smallest = self.draw(number)
        if not fails(smallest):
            return smallest
        for step in smallest.steps[:-1]:
            without = _schedule(number, tuple(each for each in smallest.steps if each is not step))
            if fails(without):
                smallest = without
        if database is not None:
            database.mkdir(parents=True, exist_ok=True)
            (database / f"{number}.json").write_bytes(msgspec.json.encode(smallest))
        return smallest

    def replay_saved(self, fails: Callable[[Schedule], bool], database: Path) -> Schedule | None:
        """The first that still fails; what does not is removed."""
        for path in sorted(database.glob("*.json")):
            schedule = msgspec.json.decode(path.read_bytes(), type=Schedule)
            if fails(schedule):
                return schedule
            path.unlink()
        return None


source = Source()


class BrokenSource(Source):
    """A source that cannot draw seed 3."""

    def draw(self, number: int) -> Schedule:
        """All but one."""
        if number == 3:
            raise KeyError("nothing for 3")
        return super().draw(number)


broken_source = BrokenSource()


def _schedule(number: int, steps: tuple[Step, ...]) -> Schedule:
    return Schedule(name="small", namespace="s", configuration=CONFIGURATION, seed=number, steps=steps)
