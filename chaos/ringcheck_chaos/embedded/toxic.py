"""A toxic as the API knows it: a type, a stream, attributes, and the share of connections that it concerns."""

from typing import Any

from ringcheck_chaos.embedded import fields
from ringcheck_chaos.embedded.errors import invalid_stream, invalid_type
from ringcheck_chaos.embedded.stage import Attributes, Stage
from ringcheck_chaos.embedded.toxics import KINDS


class Toxic:
    """Its stages, one for each connection, share `attributes` with it."""

    def __init__(self, name: str, kind: str, stream: str, toxicity: float) -> None:
        self.name = name
        self.kind = kind
        self.stream = stream
        self.toxicity = toxicity
        self.attributes: Attributes = dict.fromkeys(self.stage.NAMES, 0)

    @classmethod
    def decode(cls, value: Any) -> "Toxic":
        """A new toxic from what a client sent; raises ApiError (400)."""
        members = fields.fields(value)
        stream = fields.text(members, "stream", "downstream")
        kind = fields.text(members, "type", "")
        if stream.lower() not in {"upstream", "downstream"}:
            raise invalid_stream()
        if kind not in KINDS:
            raise invalid_type()
        name = fields.text(members, "name", "") or f"{kind}_{stream}"
        toxic = cls(name, kind, stream, fields.number(members, "toxicity", 1.0))
        toxic.attributes = toxic._merged(members)
        return toxic

    def update(self, value: Any) -> None:
        """Take over what a client wants changed, all of it or, raising ApiError (400), nothing."""
        members = fields.fields(value)
        toxicity = fields.number(members, "toxicity", self.toxicity)
        # Updated in place: the stages of this toxic look at this very dict.
        self.attributes.update(self._merged(members))
        self.toxicity = toxicity

    @property
    def stage(self) -> type[Stage]:
        """The class that does its work."""
        return KINDS[self.kind]

    @property
    def downstream(self) -> bool:
        """Whether it concerns what flows to the client."""
        return self.stream.lower() == "downstream"

    def json(self) -> dict[str, Any]:
        """The toxic as the API shows it."""
        return {
            "attributes": self.attributes,
            "name": self.name,
            "type": self.kind,
            "stream": self.stream,
            "toxicity": self.toxicity,
        }

    def _merged(self, members: dict[str, Any]) -> Attributes:
        sent = fields.fields(members.get("attributes"))
        merged = {name: fields.whole(sent, name, old) for name, old in self.attributes.items()}
        self.stage.check(merged)
        return merged
