"""Numbers to words, in one place, so that a number looks the same in every table, figure and sentence."""

from __future__ import annotations

import math

NOT_REACHED = "NR"


def _missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


def number(value: float | None, digits: int = 2, missing: str = "-") -> str:
    """1.5249 -> "1.52"; a missing value becomes `missing`, an infinite one the sign of infinity."""
    if value is None or math.isnan(value):
        return missing
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    text = f"{value:.{digits}f}"
    return text[1:] if text.startswith("-") and float(text) == 0 else text


def interval(estimate: float | None, low: float | None, high: float | None, digits: int = 2, missing: str = "-") -> str:
    """An estimate with its limits: "1.52 (0.88, 2.62)"."""
    if _missing(estimate):
        return missing
    return f"{number(estimate, digits)} ({number(low, digits, missing)}, {number(high, digits, missing)})"


def median(estimate: float | None, low: float | None, high: float | None, digits: int = 1) -> str:
    """A median with its limits; what was not reached is NR: "24.7 (9.8, NR)"."""
    return (f"{number(estimate, digits, NOT_REACHED)} "
            f"({number(low, digits, NOT_REACHED)}, {number(high, digits, NOT_REACHED)})")  # fmt: skip


def percent(estimate: float | None, low: float | None = None, high: float | None = None, digits: int = 0) -> str:
    """A probability as a percentage, with its limits when given: "58% (49, 66)"."""
    if estimate is None or math.isnan(estimate):
        return "-"
    text = f"{number(100 * estimate, digits)}%"
    if low is None and high is None:
        return text
    limits = [number(None if _missing(limit) else 100 * limit, digits) for limit in (low, high)]  # type: ignore[operator]
    return f"{text} ({limits[0]}, {limits[1]})"


def count(k: int, n: int, digits: int = 0) -> str:
    """A count with its share: "19 (32%)"; of nobody, only the count."""
    return f"{k} ({number(100 * k / n, digits)}%)" if n else f"{k}"


def p_value(p: float | None) -> str:
    """A p-value: "<0.001", three decimals below 0.1, two above, never "0.000" or "1.00" for what is not 1."""
    if p is None or math.isnan(p):
        return "-"
    if p < 0.001:
        return "<0.001"
    if p < 0.0995:
        return f"{p:.3f}"
    return ">0.99" if 0.995 <= p < 1 else f"{p:.2f}"


def listed(words: list[str] | tuple[str, ...], last: str = "and") -> str:
    """["a", "b", "c"] -> "a, b and c"."""
    words = [str(word) for word in words]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else ""


def plural(n: int, one: str, many: str | None = None) -> str:
    """A count with its noun: "1 patient", "3 patients"."""
    return f"{n} {one if n == 1 else many or one + 's'}"
