"""The requirements of the contract, read from the one file that holds them.

Ids, levels and sentences stand in `dynamo_node/v1/requirements.toml` alone; everything that names a requirement
(tests, reports, documentation) asks here.
"""

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Literal

import msgspec

Level = Literal["MUST", "SHOULD"]
Profile = Literal["kv", "describe", "ring", "membership", "inspect", "peer"]


class Requirement(msgspec.Struct, frozen=True):
    """One numbered sentence of the contract."""

    id: str
    level: Level
    profile: Profile
    sentence: str
    retired: bool = False


class UnknownRequirementError(ValueError):
    """Somebody named a requirement that the contract does not have."""


@cache
def all_requirements() -> dict[str, Requirement]:
    """Every requirement that is not retired, by id, in the order of the contract."""
    text = resources.files("dynamo_node.v1").joinpath("requirements.toml").read_text("utf-8")
    tables = msgspec.convert(tomllib.loads(text)["requirement"], list[Requirement])
    return {requirement.id: requirement for requirement in tables if not requirement.retired}


def requirement(identifier: str) -> Requirement:
    """The requirement with this id; raises UnknownRequirementError with the nearest ids."""
    try:
        return all_requirements()[identifier]
    except KeyError:
        group = [known for known in all_requirements() if known.split("-")[0] == identifier.split("-")[0].upper()]
        known = ", ".join(group or sorted({known.split("-")[0] + "-…" for known in all_requirements()}))
        raise UnknownRequirementError(
            f"There is no requirement {identifier!r}; the contract has {known}. Name ids as in DUR-01,SIB-02."
        ) from None


def select(identifiers: Iterable[str]) -> tuple[Requirement, ...]:
    """The requirements with these ids, in the order of the contract, each once."""
    wanted = {requirement(identifier.strip()).id for identifier in identifiers}
    return tuple(each for each in all_requirements().values() if each.id in wanted)
