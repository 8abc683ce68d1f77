"""Names and values as they are written in a plan.toml; nothing here knows what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(text: str) -> str:
    """A text in straight quotes, with what would end them or break the line written as TOML wants it."""
    return '"' + "".join(_ESCAPED.get(c) or (f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else c) for c in text) + '"'


def key(name: str) -> str:
    """A name before an equals sign or in a heading: bare when it may be, else in quotes."""
    return name if _BARE.fullmatch(name) else quoted(name)


def heading(*names: str) -> str:
    """The heading of a part: [columns."Age (years)"]."""
    return f"[{'.'.join(map(key, names))}]"


def number(value: float) -> str:
    """A number as short as it can be written: 30, not 30.0."""
    return repr(int(value)) if float(value).is_integer() else repr(float(value))


def listing(texts: Iterable[str]) -> str:
    """A list of texts in square brackets."""
    return f"[{', '.join(map(quoted, texts))}]"


def pairs(content: Mapping[str, str]) -> str:
    """Pairs in braces, the names always in quotes: { "0" = "No", "1" = "Yes" }."""
    return "{ " + ", ".join(f"{quoted(name)} = {quoted(text)}" for name, text in content.items()) + " }" if content else "{}"
