"""Keys as an operator types and reads them: text where they are text, hexadecimal digits where not."""

from ringcheck.errors import UsageError

HEX = "0x"


def shown(key: bytes) -> str:
    """The key's text if it is printable UTF-8, else its bytes as 0x…; `given` takes both back."""
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return HEX + key.hex()
    return text if text.isprintable() and text and not text.startswith(HEX) else HEX + key.hex()


def given(text: str) -> bytes:
    """The key that a user names, to the byte. Raises UsageError for 0x that hexadecimal digits do not follow."""
    if not text.startswith(HEX):
        return text.encode(errors="surrogateescape")  # an argument that is no UTF-8 reaches us as its bytes, escaped
    try:
        return bytes.fromhex(text.removeprefix(HEX))
    except ValueError:
        raise UsageError(
            f"The key {text!r} begins with 0x, but hexadecimal digits do not follow; a key that is text and begins "
            "so has to be given in hexadecimal digits too."
        ) from None
