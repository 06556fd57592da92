"""Reading JSON objects as Toxiproxy's decoder does: keys in any case, unknown ones ignored, null leaves the default."""

import json
from typing import Any

from ringcheck_chaos.embedded.errors import bad_body

INT64 = 2**63
NAMES = {str: "string", bool: "bool", int: "int64", float: "float32", dict: "object", list: "array"}


def decode(body: bytes) -> Any:
    """The first JSON value in `body`; what follows it is ignored. Raises ApiError (400)."""
    try:
        text = body.decode().lstrip(" \t\r\n")
        if not text:
            raise bad_body("EOF")
        return json.JSONDecoder(parse_constant=_no_constant).raw_decode(text)[0]
    except ValueError as error:
        raise bad_body(str(error)) from None


def fields(value: Any) -> dict[str, Any]:
    """The members of a JSON object by their lower-case names, without those that are null; {} for null."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_body(f"expected an object, got {_kind(value)}")
    return {name.lower(): member for name, member in value.items() if member is not None}


def text(members: dict[str, Any], name: str, default: str) -> str:
    """A member that is a string."""
    value = members.get(name, default)
    if not isinstance(value, str):
        raise bad_body(f"{name}: expected a string, got {_kind(value)}")
    return value


def truth(members: dict[str, Any], name: str, default: bool) -> bool:
    """A member that is true or false."""
    value = members.get(name, default)
    if not isinstance(value, bool):
        raise bad_body(f"{name}: expected true or false, got {_kind(value)}")
    return value


def number(members: dict[str, Any], name: str, default: float) -> float:
    """A member that is a number."""
    value = members.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad_body(f"{name}: expected a number, got {_kind(value)}")
    return value


def whole(members: dict[str, Any], name: str, default: int) -> int:
    """A member that is a whole number of 64 bits; 1.0 is none."""
    value = members.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_body(f"{name}: expected an integer, got {_kind(value)}")
    if not -INT64 <= value < INT64:
        raise bad_body(f"{name}: {value} does not fit in 64 bits")
    return value


def _kind(value: Any) -> str:
    return f"{NAMES.get(type(value), 'null')} {value!r}"


def _no_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
