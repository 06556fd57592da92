"""The requirements are well-formed data, and the only place that holds their words."""

import re
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import dynamo_node
from dynamo_node.v1 import node_pb2

CONTRACT = Path(dynamo_node.__file__).parent / "v1"
ROOT = Path(__file__).parents[2]
REQUIREMENTS: list[dict[str, Any]] = tomllib.loads((CONTRACT / "requirements.toml").read_text())["requirement"]
IDS = [requirement["id"] for requirement in REQUIREMENTS]
PROFILES = {name.removeprefix("PROFILE_").lower() for name in node_pb2.Profile.keys()[1:]}


def test_there_are_forty_eight() -> None:
    """None is lost: one that is no longer wanted is retired, not removed."""
    assert len(REQUIREMENTS) == 48


def test_the_file_holds_requirements_alone() -> None:
    """The file is a list of tables and nothing else."""
    assert set(tomllib.loads((CONTRACT / "requirements.toml").read_text())) == {"requirement"}


def test_ids_are_unique() -> None:
    """No id stands twice."""
    assert sorted(set(IDS)) == sorted(IDS)


def test_numbers_leave_no_gap() -> None:
    """Within a group the numbers run from 1 in order: none was renumbered or taken away."""
    groups: dict[str, list[int]] = defaultdict(list)
    for group, number in (name.split("-") for name in IDS):
        groups[group].append(int(number))
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in groups.values()), groups


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=IDS)
def test_a_requirement_is_well_formed(requirement: dict[str, Any]) -> None:
    """Each has an id, a level, a profile and one sentence that ends with a full stop; it may be retired."""
    assert set(requirement) - {"retired"} == {"id", "level", "profile", "sentence"}
    assert requirement.get("retired", True) is True
    assert re.fullmatch(r"[A-Z]{2,4}-\d{2}", requirement["id"])
    assert requirement["level"] in {"MUST", "SHOULD"}
    assert requirement["profile"] in PROFILES
    sentence = requirement["sentence"]
    assert sentence == " ".join(sentence.split())
    assert sentence[0].isupper()
    assert sentence.endswith(".")


def test_profiles_and_requirements_agree() -> None:
    """Every profile but `describe`, which only tells what is there, has requirements of its own."""
    assert {requirement["profile"] for requirement in REQUIREMENTS} == PROFILES - {"describe"}


def test_the_words_stand_nowhere_else() -> None:
    """No source of the packages repeats the sentence of a requirement."""
    folders = ("harness", "properties", "chaos", "reference", "proto")
    sources = [
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if not path.name.endswith(("_pb2.py", "_pb2_grpc.py"))
    ]
    assert sources
    repeated = [
        (path.name, requirement["id"])
        for path in sources
        for requirement in REQUIREMENTS
        if requirement["sentence"] in path.read_text()
    ]
    assert repeated == []
