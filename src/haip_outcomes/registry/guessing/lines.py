"""Lines of a first plan: what is written, and the guess in it that a person must confirm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """A line of the plan. `confirm` says what is guessed in it and why; without one the file itself says so, or nothing is at stake."""

    text: str
    confirm: str = ""

    def __str__(self) -> str:
        return f"{self.text}  # CONFIRM: {in_a_remark(self.confirm)}" if self.confirm else self.text


def in_a_remark(text: str) -> str:
    """A text without the characters that a remark in TOML can't hold (line breaks, control characters)."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def written(lines: Iterable[Line | str]) -> str:
    """The lines under each other."""
    return "\n".join(map(str, lines))


def remark(text: str, wide: int = 110) -> list[str]:
    """A text as remarks (# ...), no line longer than `wide` where it can be broken."""
    lines, line = [], "#"
    for word in in_a_remark(text).split():
        if len(line) + len(word) + 1 > wide and line != "#":
            lines.append(line)
            line = "#"
        line += f" {word}"
    return [*lines, line]


def title(text: str) -> str:
    """The heading of a chapter of the plan."""
    return f"\n\n# ---- {text} {'-' * max(4, 104 - len(text))}\n"
