"""Which sign stands between the columns of a text table."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

from haip_outcomes.registry.sources.header import Expected
from haip_outcomes.registry.sources.refusal import refused

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LOOKED_AT = 100_000  # bytes
_EXCEL = re.compile(rb"\Asep=([,;\t|:^~ ])\r?\n", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class _Fit:
    """How well a separator fits: names of the plan in row 1, then rows as wide as row 1, then columns."""

    names: int
    share: float
    width: int


def separator_of(data: bytes, name: str, expected: Expected, declared: str | None = None) -> tuple[str, bytes]:
    """The separator of a text in UTF-8, and the text without Excel's own line about it ("sep=;", which Excel does not show).

    Raises
    ------
    CohortError : the separator is none of these, two fit equally well, or the declared one does not stand in row 1.
    """
    if excel := _EXCEL.match(data):
        data = data[excel.end():]
    sample = data[:_LOOKED_AT].decode("utf-8", "ignore")
    whole = len(data) <= _LOOKED_AT
    fits = {sign: fit for sign in SEPARATORS if (fit := _fit(sample, sign, whole, expected))}
    if declared or excel:
        sign = declared or excel.group(1).decode()  # type: ignore[union-attr]
        if fits and sign not in fits:
            others = " or ".join(SEPARATORS[other] for other in fits)
            raise refused(name, f"no {SEPARATORS.get(sign, sign)} in row 1, but {others}", f"a {SEPARATORS.get(sign, sign)} between the columns, as declared",
                          "correct separator in [cohort] of the plan, or leave it out", (1,))  # fmt: skip
        return sign, data
    if not fits:
        first = next(iter(sample.splitlines()), "")
        if expected.named_by(re.split(r"[:^~ ]", first)) > 1:
            raise refused(name, "separator not recognised", "comma, semicolon, tab or bar between the columns", "save the table as CSV (UTF-8)", (1,))
        return ",", data  # a table of one column
    best = max(fits.values())
    likely = [sign for sign, fit in fits.items() if fit == best]
    if len(likely) > 1:
        raise refused(name, f"{' and '.join(SEPARATORS[sign] for sign in likely)} fit equally well between the columns", "one separator",
                      f'write separator = "{likely[0]}" (or the other) in [cohort] of the plan', (1,))  # fmt: skip
    return likely[0], data


def _fit(sample: str, sign: str, whole: bool, expected: Expected) -> _Fit | None:
    """None when the sign does not divide row 1, quotes respected."""
    rows = []
    try:
        for row in csv.reader(io.StringIO(sample, newline=""), delimiter=sign):
            rows.append(row)
    except csv.Error:  # a field without an end: what was read before it still tells
        whole = True
    if not whole and len(rows) > 1:
        rows.pop()  # it may be cut
    rows = [row for row in rows if any(row)]
    if not rows or len(rows[0]) < 2:
        return None
    width = len(rows[0])
    return _Fit(expected.named_by(rows[0]), sum(len(row) == width for row in rows) / len(rows), width)
