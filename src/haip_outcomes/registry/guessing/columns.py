"""The columns of a first plan: what is written of each, and which are left out."""

from __future__ import annotations

import math
from collections.abc import Iterator

from haip_outcomes.formatting import listed, plural
from haip_outcomes.registry.guessing.column_facts import ColumnFacts
from haip_outcomes.registry.guessing.item_matches import OTHER_UNITS, Match, agrees, levels_of
from haip_outcomes.registry.guessing.lines import Line
from haip_outcomes.registry.guessing.names import named_unit, plain
from haip_outcomes.registry.guessing.plan_text import heading, number, pairs, quoted
from haip_outcomes.registry.guessing.sheets import Sheet
from haip_outcomes.registry.guessing.unread_dates import ADVICE
from haip_outcomes.registry.guessing.vocabulary import MISSING_WORDS

_SHORT = frozenset(
    {"bmi", "cea", "asa", "ecog", "crs", "os", "dfs", "pfs", "rfs", "ras", "kras", "braf", "msi", "ct", "mri", "haip", "fudr", "ca"}
)  # written in capitals


def kind_of(column: ColumnFacts, match: Match | None) -> str:
    """What the plan says that a column holds: the item's kind where it is one, else what its cells look like."""
    return match.item.kind if match and match.item.kind in ("number", "category", "date") else column.kind


def written_columns(
    sheet: Sheet, place: tuple[str, ...], leave: frozenset[str], unknown: frozenset[str]
) -> tuple[list[Line | str], dict[str, dict[str, str]]]:
    """The lines of all columns that are read, and the levels written for each. `leave` are columns with a part of their own (the key,
    the setting), `unknown` the codes of [missing]."""
    lines: list[Line | str] = []
    levels: dict[str, dict[str, str]] = {}
    for column in sheet.columns:
        match = sheet.matches.get(column.name)
        if column.name in leave or why_left_out(column, match):
            continue
        kind = kind_of(column, match)
        found, why = levels_of(column, match.item if match else None) if kind == "category" else ({}, "")
        lines += [
            heading(*place, column.name),
            f"label = {quoted(_label(column.name, match if match and is_item(match, found) else None, sheet.titles))}",
        ]
        lines += [*_as_item(match, found), *_known(match, kind, place)]
        if kind == "category":
            found = {code: label for code, label in found.items() if code not in unknown}
            levels[column.name] = found
            unknowns = [code for code, label in found.items() if plain(label) in MISSING_WORDS]
            if unknowns and not (match and agrees(found, match.item)):
                why = f"{listed(unknowns)} seems to mean not known: empty these cells, or it stays a level of its own"
            lines.append(Line(f"levels = {pairs(found)}", "" if why == "the file's own labels" else why))
        elif kind == "number":
            lines += _number(column, match)
        else:
            lines.append(Line('kind = "date"', "; ".join([*_seen(column, "dates"), *_dated(column)])))
        lines.append("")
    return lines, levels


def why_left_out(column: ColumnFacts, match: Match | None) -> str:
    """Why a column is not read; "" for one that is."""
    if column.identifying:
        return "identifying"
    if column.kind == "empty" and not match:
        return "empty"
    return "text" if column.kind == "text" and kind_of(column, match) == "text" else ""


def is_item(match: Match, levels: dict[str, str]) -> bool:
    """True where nothing stands in the way of calling the column that item: neither another unit nor other levels."""
    return not match.unit and (not levels or agrees(levels, match.item))


def _label(name: str, match: Match | None, titles: dict[str, str]) -> str:
    """What a column is called in print: what the file calls it in words, the item's label, or its name with spaces."""
    if titles.get(name):
        return titles[name]
    if match:
        return match.item.label
    spaced = name.replace("_", " ").replace(".", " ").split()
    text = " ".join(word.upper() if word in _SHORT else word for word in spaced)
    return text[:1].upper() + text[1:]


def _as_item(match: Match | None, levels: dict[str, str]) -> Iterator[Line]:
    if not match or match.item.kind not in ("number", "category", "date"):
        return
    item = f"item = {quoted(match.item.name)}"
    if match.unit:
        yield Line(f"# {item}", f"it seems to be this, in {match.unit}: convert it to {match.item.unit}, then take away the first #")
    elif not is_item(match, levels):
        yield Line(f"# {item}", f"it seems to be this, by {match.why}, with other levels: if they mean the same, take away the first #")
    else:
        yield Line(item, match.why)


def _known(match: Match | None, kind: str, place: tuple[str, ...]) -> Iterator[Line]:
    """That a patient's column is only known after time zero, where the item is."""
    if match and match.item.known == "later" and kind != "date" and place == ("columns",):
        yield Line('known = "later"', "no baseline factor; with the name of its date column here it can be analysed over time")


def _number(column: ColumnFacts, match: Match | None) -> Iterator[Line]:
    yield Line('kind = "number"', "; ".join([*_seen(column, "numbers"), *([] if match else _numeric(column))]))
    if match and match.item.possible:
        factor = OTHER_UNITS.get(match.item.name, {}).get(match.unit, 1.0) if match.unit else 1.0
        low, high = (_rounded(limit / factor) for limit in match.item.possible)
        yield Line(f"range = [{number(low)}, {number(high)}]", "what is possible for the standard item")
        if match.unit or match.item.unit:
            yield Line(
                f"unit = {quoted(match.unit or match.item.unit)}",
                "the numbers fit it" if not column.numbers.empty else "the unit of the standard item",
            )
        return
    if not column.numbers.empty:
        low, high = wide_range(float(column.numbers.min()), float(column.numbers.max()))
        yield Line(f"range = [{number(low)}, {number(high)}]", "the lowest and highest believable value; all of the file lies within")
    if unit := next(filter(None, map(named_unit, column.names)), ""):
        yield Line(f"unit = {quoted(unit)}", "the end of its name")


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def wide_range(low: float, high: float) -> tuple[float, float]:
    """Round limits around a column's numbers, so wide that no patient's value is told: 27 to 94 gives 0 to 100.

    >>> wide_range(27, 94), wide_range(-3.5, 0.4)
    ((0.0, 100.0), (-5.0, 0.5))
    """
    return (-_round_above(-low) if low < 0 else 0.0), (_round_above(high) if high > 0 else 0.0)


def _round_above(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, ... (0.1, 0.2, ...) above a positive number."""
    size = 10.0 ** math.floor(math.log10(value))
    steps = (float(f"{step * size:.6g}") for step in (1, 2, 5, 10, 20))
    return next((step for step in steps if step > value * (1 + 1e-9)), 10 * value)  # the last for what is almost 0


def _seen(column: ColumnFacts, what: str) -> Iterator[str]:
    """How many of the filled cells read as dates, or as numbers; nothing where no cell was seen and the file itself says it."""
    if column.filled:
        yield f"{column.filled - column.misread} of {plural(column.filled, 'filled cell')} are {what}"


def _numeric(column: ColumnFacts) -> Iterator[str]:
    if column.small and len(column.codes) <= 6:
        yield "codes or a count? If these are codes, write levels instead"


def _dated(column: ColumnFacts) -> Iterator[str]:
    if column.unread:
        yield ADVICE[column.unread]
    if column.formats and column.day_first is None:
        yield "nothing in it proves whether the day or the month stands first: write date_format in [cohort]"
    if column.without_day:
        yield f'{plural(column.without_day, "date")} without a day: complete them, or write partial = "mid-month" in [cohort]'


def order_of_dates(columns: list[ColumnFacts]) -> list[str]:
    """The date columns in the order in which they usually fall, by how many patients have the one not after the other."""
    dated = [column for column in columns if column.kind == "date" and not column.identifying and len(column.dates) > 0]

    def earlier(column: ColumnFacts) -> float:
        shares = []
        for other in dated:
            both = column.dates.index.intersection(other.dates.index)
            if other is not column and len(both):
                one, two = column.dates[both], other.dates[both]
                shares.append(float((one < two).mean() - (one > two).mean()))
        return sum(shares) / len(shares) if shares else 0.0

    return [column.name for column in sorted(dated, key=lambda column: (-earlier(column), column.name))]
