"""The comments of the .proto files are the specification, so what has to be said must be there."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

import dynamo_node
from dynamo_node.v1 import config_pb2, inspect_pb2, key_value_pb2, membership_pb2, node_pb2, peer_pb2, ring_pb2

CONTRACT = Path(dynamo_node.__file__).parent / "v1"
FILES = sorted(CONTRACT.glob("*.proto"))
MODULES = [config_pb2, inspect_pb2, key_value_pb2, membership_pb2, node_pb2, peer_pb2, ring_pb2]

BLOCK = re.compile(r"(message|enum|service|oneof) (\w+) \{(\})?")
CALL = re.compile(r"rpc (\w+)\((?:stream )?(\w+)\) returns \((?:stream )?(\w+)\)")
FIELD = re.compile(r"(?:(?:optional|repeated) )?(map<[^>]+>|[\w.]+) (\w+) = (\d+);")
VALUE = re.compile(r"([A-Z0-9_]+) = (\d+);")


@dataclass(frozen=True)
class Declaration:
    """One name of the contract; `type` is a field's type and empty for everything else."""

    kind: str
    name: str
    owner: str = ""
    type: str = ""
    number: int = 0
    commented: bool = False

    @property
    def title(self) -> str:
        """How a failure calls it."""
        return f"{self.owner}.{self.name}" if self.owner else self.name


def declarations(path: Path) -> list[Declaration]:
    """What one file declares. It reads the layout that `buf format` gives every file: one name a line."""
    found: list[Declaration] = []
    blocks: list[Declaration] = []
    commented = False
    for line in map(str.strip, path.read_text().splitlines()):
        owner = next((block.name for block in reversed(blocks) if block.kind != "oneof"), "")
        if block := BLOCK.match(line):
            found.append(Declaration(block[1], block[2], owner, commented=commented))
            if not block[3]:
                blocks.append(found[-1])
        elif line == "}":
            blocks.pop()
        elif call := CALL.match(line):
            found.append(Declaration("rpc", call[1], owner, f"{call[2]} {call[3]}", commented=commented))
        elif owner and (value := VALUE.match(line)):
            found.append(Declaration("value", value[1], owner, number=int(value[2]), commented=commented))
        elif owner and (field := FIELD.match(line)):
            found.append(Declaration("field", field[2], owner, field[1], int(field[3]), commented))
        commented = line.startswith("//")
    assert not blocks, f"{path.name}: a block is not closed"
    return found


ALL = [declaration for path in FILES for declaration in declarations(path)]
MESSAGES_OF_CALLS = {message for call in ALL if call.kind == "rpc" for message in call.type.split()}
EXPLAINED_TYPES = {each.name for each in ALL if each.kind in {"message", "enum"} and each.commented}
EXPLAINED_FIELDS = {(each.name, each.type) for each in ALL if each.kind == "field" and each.commented}


def says_enough(declaration: Declaration) -> bool:
    """The rule: a comment stands above it, or above what it plainly repeats."""
    match declaration.kind:
        case "message":
            # The comment of a call speaks for its request and its response.
            return declaration.commented or declaration.name in MESSAGES_OF_CALLS
        case "value":
            return declaration.commented or declaration.number == 0
        case "field":
            same_elsewhere = (declaration.name, declaration.type) in EXPLAINED_FIELDS
            return declaration.commented or same_elsewhere or declaration.type in EXPLAINED_TYPES
        case "oneof":
            return True
        case _:
            return declaration.commented


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_name_is_explained(path: Path) -> None:
    """Services, calls, enums and their values, messages and fields say what they mean."""
    assert [each.title for each in declarations(path) if not says_enough(each)] == []


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_file_opens_with_its_purpose(path: Path) -> None:
    """A comment of its own stands above the package of each file."""
    lines = path.read_text().splitlines()
    assert lines[lines.index("package dynamo_node.v1;") - 1].startswith("//")


def test_nothing_escapes_the_reader() -> None:
    """The names found in the text are those of the generated modules, so none is left unchecked."""
    expected: set[tuple[str, str, int]] = set()
    for module in MODULES:
        for message in module.DESCRIPTOR.message_types_by_name.values():
            expected |= {(message.name, field.name, field.number) for field in message.fields}
        for enum in module.DESCRIPTOR.enum_types_by_name.values():
            expected |= {(enum.name, value.name, value.number) for value in enum.values}
        for service in module.DESCRIPTOR.services_by_name.values():
            expected |= {(service.name, method.name, 0) for method in service.methods}
    read = {(each.owner, each.name, each.number) for each in ALL if each.kind in {"field", "value", "rpc"}}
    assert read == expected
    assert {path.stem for path in FILES} == {module.DESCRIPTOR.name.split("/")[-1][:-6] for module in MODULES}


def test_a_missing_comment_is_noticed() -> None:
    """The rule can fail: names without comment are found out, plain repetitions are not."""
    assert not says_enough(Declaration("rpc", "Get", "KeyValue"))
    assert not says_enough(Declaration("message", "Nameless"))
    assert not says_enough(Declaration("field", "mystery", "GetRequest", "bytes", 9))
    assert says_enough(Declaration("field", "key", "Anything", "bytes", 1))
