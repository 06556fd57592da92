"""Which seeds come next, and which are under way."""

import msgspec


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far an exploration has come: all seeds from `first` up to `following`, which is excluded, but `missing`."""

    first: int
    following: int
    missing: tuple[int, ...] = ()

    @property
    def untried(self) -> int:
        """The first seed that was not tried."""
        return min((*self.missing, self.following))


def nonsense(position: Position) -> str:
    """What no exploration can have left; empty where it makes sense."""
    begun = range(position.first, position.following)
    if not 0 <= position.first <= position.following:
        return f"it went from seed {position.first} to {position.following}"
    if strangers := [seed for seed in position.missing if seed not in begun]:
        return f"seed {strangers[0]} is missing, which was not begun"
    if len(set(position.missing)) < len(position.missing):
        return "a seed is missing twice"
    return ""


class Seeds:
    """Hands out seeds in their order: first those that an earlier exploration left, then one after another.

    `count` is how many at most, None for no end.
    """

    def __init__(self, position: Position, count: int | None = None) -> None:
        self._first = position.first
        self._left = list(position.missing)
        self._following = position.following
        self._to_come = count
        self._under_way: dict[int, None] = {}

    @property
    def position(self) -> Position:
        """What would have to be done if everything under way were lost."""
        missing = sorted({*self._left, *self._under_way})
        return Position(first=self._first, following=self._following, missing=tuple(missing))

    @property
    def under_way(self) -> tuple[int, ...]:
        """Seeds that were taken and have not ended."""
        return tuple(self._under_way)

    def take(self, most: int) -> tuple[int, ...]:
        """The next seeds, so many at most; none when there are no more."""
        if self._to_come is not None:
            most = min(most, self._to_come)
        taken = self._left[:most]
        del self._left[:most]
        fresh = range(self._following, self._following + most - len(taken))
        self._following = fresh.stop
        if self._to_come is not None:
            self._to_come -= most
        self._under_way.update(dict.fromkeys((*taken, *fresh)))
        return (*taken, *fresh)

    def ended(self, seed: int) -> None:
        """A seed has been tried."""
        self._under_way.pop(seed, None)

    def give_back(self, seed: int) -> None:
        """A seed counts as not tried."""
        self._under_way.pop(seed, None)
        self._left.append(seed)

    @property
    def more(self) -> bool:
        """Whether there are seeds to take."""
        return self._to_come is None or self._to_come > 0

    def stop(self) -> None:
        """Hand out no more."""
        self._to_come = 0
