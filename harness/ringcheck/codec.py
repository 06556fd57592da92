"""Between the texts of a schedule and the bytes on the wire."""

from collections import defaultdict

from ringcheck.history import Description
from ringcheck.schedule import Delete, Get, Operation, Put, Schedule, payload

UNKNOWN = "?"
SHOWN_BYTES = 24
"""How much of a value that nobody wrote is shown."""

MALFORMED_CONTEXT = b"\xff\x00ringcheck: no node ever handed this out\xff"


class Codec:
    """The keys and values of one schedule, filled up to the limits that the target declares.

    Raises ValueError for a schedule that does not fit into those limits.
    """

    def __init__(self, schedule: Schedule, description: Description) -> None:
        self._namespace = f"{schedule.namespace}/"
        self._description = description
        self._texts: dict[bytes, str] = {}
        self._values: defaultdict[str, dict[bytes, str]] = defaultdict(dict)
        self._anywhere: dict[bytes, str] = {}
        self._keys: dict[str, bytes] = {}
        for step in schedule.operations():
            raw = self.key(step)
            self._texts[raw] = step.key
            if step.key_size != "over":
                self._keys.setdefault(step.key, raw)
            if isinstance(step, Put):
                written = self.value(step)
                self._values[step.key].setdefault(written, step.value)
                self._anywhere.setdefault(written, step.value)

    def key(self, step: Operation) -> bytes:
        """The key that an operation names; the empty key stays empty, so that a node can refuse it."""
        if not step.key and step.key_size == 0:
            return b""
        return payload(step.key, step.key_size, self._description.max_key_bytes, prefix=self._namespace)

    def value(self, step: Put) -> bytes:
        """The value that a Put writes."""
        return payload(step.value, step.value_size, self._description.max_value_bytes)

    def known_key(self, text: str) -> bytes:
        """The bytes of a key that some operation of the schedule names."""
        return self._keys[text]

    def key_text(self, raw: bytes) -> str | None:
        """The text of a key of this schedule, None for any other."""
        return self._texts.get(raw)

    def value_text(self, key: str, raw: bytes) -> str:
        """The text of the operation that wrote these bytes to this key, else to any key, else "?" and some bytes."""
        text = self._values[key].get(raw)
        if text is None:
            text = self._anywhere.get(raw)
        return UNKNOWN + raw[:SHOWN_BYTES].decode("latin-1") if text is None else text

    def quorum(self, step: Operation) -> int:
        """R or W as the node will resolve it."""
        match step:
            case Get(r=r):
                return r or self._description.r
            case Put(w=w) | Delete(w=w):
                return w or self._description.w
