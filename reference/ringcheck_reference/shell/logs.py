"""What a node logs, on stderr: lines to read, or one JSON object a line for programs.

A JSON line holds `time` (UTC), `level`, `node`, `event`, `fields`, `text` (what a reader would have got) and, after a
mistake, `exception`. Events have names that stay; whoever logs gives name and fields by `event`, in `extra`.
"""

import json
import logging
import os
import re
from datetime import UTC, datetime
from typing import Any, Final

from ringcheck_reference.shell.config import ConfigError

LEVEL_VARIABLE: Final = "RINGCHECK_LOG"

_TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_PLACEHOLDER: Final = re.compile(r"%\w")


def event(name: str, **fields: object) -> dict[str, object]:
    """What to give as `extra` when something is logged; fields are numbers, text, or lists of them."""
    return {"event": name, "fields": fields}


def set_up(as_json: bool) -> None:
    """Log what the environment asks for. Raises ConfigError if that is no level."""
    level = os.environ.get(LEVEL_VARIABLE, "info").upper()
    if level not in logging.getLevelNamesMapping():
        raise ConfigError(f"{LEVEL_VARIABLE} is {level.lower()!r}; set it to debug, info, warning or error.")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if as_json else logging.Formatter(_TEXT))
    logging.basicConfig(level=level, handlers=[handler])


def name_node(node_id: str) -> None:
    """Say whose log it is, once that is known."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, JsonLines):
            handler.formatter.node = node_id


class JsonLines(logging.Formatter):
    """Formats records as JSON, those of libraries too: their event is their text without what varies."""

    node = ""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "node": self.node,
            "event": getattr(record, "event", "") or _PLACEHOLDER.sub("…", str(record.msg)),
            "fields": getattr(record, "fields", {}),
            "text": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)
