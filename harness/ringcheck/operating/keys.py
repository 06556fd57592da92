"""Keys and values as an operator types and reads them: text where they are text, hexadecimal digits where not."""

import string
from typing import Literal

from ringcheck.errors import UsageError

HEX = "0x"


def shown(key: bytes) -> str:
    """The key's text if it is printable UTF-8, else its bytes as 0x…; `given` takes both back."""
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return HEX + key.hex()
    return text if text.isprintable() and text and not text.startswith(HEX) else HEX + key.hex()


def given(text: str, what: Literal["key", "value"] = "key") -> bytes:
    """What a user names, to the byte. Raises UsageError for 0x that whole bytes in hexadecimal digits do not follow."""
    if not text.startswith(HEX):
        return text.encode(errors="surrogateescape")  # an argument that is no UTF-8 reaches us as its bytes, escaped
    digits = text.removeprefix(HEX)
    try:
        return bytes.fromhex(digits)
    except ValueError:
        are_digits = set(digits) <= set(string.hexdigits)
        seen = "an odd number of hexadecimal digits follows" if are_digits else "hexadecimal digits do not follow"
        raise UsageError(
            f"The {what} {text!r} begins with 0x, but {seen}; give two for each byte, also for a {what} that is text "
            "and begins so."
        ) from None
