"""Forest plots: hazard ratios of prognostic factors, and a centre beside published figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from haip_outcomes.errors import HaipError
from haip_outcomes.figures.rows import Block, Item, Mark, RowSheet
from haip_outcomes.figures.scales import log_limits, span
from haip_outcomes.figures.style import Drawing, drawing_style
from haip_outcomes.formatting import interval, number, p_value
from haip_outcomes.tables.comparisons import Row, shown, title_of, value_text
from haip_outcomes.tables.disclosure import HIDDEN, OPEN, Policy
from haip_outcomes.tables.effects import effects_frame
from haip_outcomes.tables.table import slug

if TYPE_CHECKING:
    from haip_outcomes.benchmark.comparison import Compared, Comparison
    from haip_outcomes.prognosis.baseline.factor_results import Factors

_UNITS = {
    "probability": "Probability (%)",
    "months": "Time (months)",
    "days": "Time (days)",
    "ratio": "Ratio (log scale)",
}
_MODELS = ("univariable", "multivariable")
_BOTH_HAZARDS = {"univariable": "Cause-specific", "univariable subdistribution": "Subdistribution",
                 "multivariable": "Cause-specific, multivariable", "multivariable subdistribution": "Subdistribution, multivariable"}  # fmt: skip


def plot_forest(
    rows: Factors | pd.DataFrame,
    *,
    models: Sequence[str] | None = None,
    width: str = "double",
    limits: tuple[float, float] | None = None,
    x_label: str = "Hazard ratio (95% CI), log scale",
    name: str = "",
    policy: Policy = OPEN,
) -> Drawing:
    """Hazard ratios with their intervals, a row a level, the reference level said; on a log axis.

    A filled square is the univariable, an open diamond the multivariable estimate; where events compete, the cause-specific and the
    subdistribution hazard ratio, of the multivariable models if there are. An interval that leaves the axis ends in
    an arrowhead; its limits stand beside it in figures.

    Parameters
    ----------
    rows : what `factors` returned; or a frame with the columns label, level, reference (True for a reference row), model
        ("univariable" or "multivariable"), estimate, conf_low, conf_high (ratios, not logs), p_value, n, n_event, with a
        row a level and model; level is empty for a number. A frame's `attrs["method"]` becomes its caption.
    models : one or two of the models of `rows`, in this order, if not those.
    width : "double" (174 mm, with p-values) or "single" (84 mm, without).
    limits : where the axis begins and ends; by default powers of two around all estimates, at most 8-fold beyond.
    x_label, name : the axis' words; the file name.
    policy : which small numbers are hidden; none by default.

    Errors: HaipError when there is nothing to draw, or more rows than a page holds.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"label": "Sarcopenia", "level": ["No", "Yes"], "reference": [True, False], "model": "univariable",
    ...                       "estimate": [float("nan"), 2.4], "conf_low": [float("nan"), 1.1], "conf_high": [float("nan"), 5.0],
    ...                       "p_value": [float("nan"), 0.02], "n": [31, 29], "n_event": [12, 18]})
    >>> plot_forest(frame).alt
    'Forest plot of hazard ratios. Sarcopenia, Yes: univariable 2.40 (1.10, 5.00).'
    """
    frame = rows if isinstance(rows, pd.DataFrame) else effects_frame(rows, policy)
    estimated = frame[frame["estimate"].notna() & ~frame["reference"].astype(bool)]
    if not len(estimated):
        raise HaipError("There is no estimate to draw.")
    there = set(estimated["model"])
    words = {model: model.capitalize() for model in _MODELS}
    if models is None:
        models = [model for model in _MODELS if model in there]
        for kind in _MODELS:  # the last that is there stays
            if {kind, f"{kind} subdistribution"} <= there:
                models = [kind, f"{kind} subdistribution"]
    if not 1 <= len(models) <= 2 or not set(models) <= there:
        raise HaipError(f"A forest plot shows one or two of the models that were fitted: {', '.join(dict.fromkeys(estimated['model']))}.")
    if any("subdistribution" in model for model in models):
        words = _BOTH_HAZARDS
        if len(models) == 2 and models[1] == f"{models[0]} subdistribution":
            words = {models[0]: "Cause-specific", models[1]: "Subdistribution"}
    method = str(frame.attrs.get("method", ""))
    label_name = str(frame.attrs.get("name", ""))
    frame, estimated = frame[frame["model"].isin(models)], estimated[estimated["model"].isin(models)]
    double = width == "double"
    header = ("Characteristic", "Events/n", "HR (95% CI)", "p") if double else ("", "Events/n", "HR (95% CI)")
    items = [
        item
        for label, part in frame.groupby("label", sort=False)
        for item in _items(str(label), part, models, double, policy)
    ]
    ends = [float(v) for column in ("conf_low", "conf_high") for v in estimated[column]]
    block = Block(
        tuple(items), x_label, True, limits or log_limits(ends, list(estimated["estimate"])), reference=1.0
    )
    with drawing_style():
        key = tuple(words[model] for model in models) if len(models) > 1 else ()
        figure = RowSheet(header, (block,), before=1, key=key, widths=width).draw()
    low, high = block.limits
    cut = any(v < low or v > high for v in ends if not math.isnan(v))
    caption = " ".join(filter(None, [
        "Hazard ratios with 95% confidence intervals (CI) on a log scale; events/n: events among patients.",
        f"Filled squares: {_lower(words[models[0]])}; open diamonds: {_lower(words[models[1]])}{_kind(models)}." if len(models) > 1 else f"{words[models[0]]} models.",
        "Arrowheads: the interval goes on beyond the axis." if cut else "", _stop(method)]))  # fmt: skip
    alt = "Forest plot of hazard ratios. " + " ".join(
        f"{', '.join(filter(None, [row['label'], row['level']]))}: {row['model']} "
        f"{interval(row['estimate'], row['conf_low'], row['conf_high'])}."
        for row in estimated.to_dict("records")
    )
    return Drawing(figure, name or slug("forest", label_name), caption, alt)


def plot_comparisons(
    comparison: Comparison,
    figures: Sequence[str] | None = None,
    *,
    width: str = "double",
    name: str = "comparisons",
) -> Drawing:
    """The centre's numbers beside published ones, each with its interval: one panel a unit.

    A filled square is this centre, an open diamond the published figure; without a line the source prints nothing from which an
    interval follows. Where the source does not state what it did, the centre stands there once for each thing it could mean.

    Parameters
    ----------
    comparison : what `compare` returned.
    figures : ids of published figures, in this order; by default those that the plan names in `[benchmark] judge`.
    width, name : "double" (174 mm) or "single" (84 mm); the file name.

    Errors: HaipError for an unknown id, a figure that can't be compared, none to draw, or more than a page holds.

    >>> import haip_outcomes as haip
    >>> found = haip.compare(haip.demo_cohort(), haip.published(source="chakedis2018", endpoint="postop_complication"))
    >>> plot_comparisons(found, [found.compared[0].figure.id]).size[0]
    174.0
    """
    ids = [one.figure.id for one in comparison.judged if one.answers] if figures is None else list(figures)
    chosen = list(shown(comparison, ids))
    if not chosen:
        raise HaipError(
            "No published figure to draw: the plan names none that can be compared ([benchmark] judge); name some by id."
        )
    blocks = []
    for unit, x_label in _UNITS.items():
        own = [(one, rows) for one, rows in chosen if rows[0]["unit"] == unit]
        if own:
            values = [_scaled(row) for _, rows in own for row in rows]
            items = [item for one, rows in own for item in _compared(one, rows)]
            blocks.append(
                Block(
                    tuple(items),
                    x_label,
                    unit == "ratio",
                    span(unit, values),
                    1.0 if unit == "ratio" else None,
                )
            )
    with drawing_style():
        sheet = RowSheet(
            ("Published figure", "Estimate (95% CI)"),
            tuple(blocks),
            before=0,
            key=("This centre", "Published"),
            widths=width,
        )
        figure = sheet.draw()
    caption = ("This centre (filled squares) beside published figures (open diamonds), with 95% confidence intervals (CI); NR: not reached. "
               f"{_stop(comparison.method)}")  # fmt: skip
    alt = "This centre beside published figures. " + " ".join(one.sentence for one, _ in chosen)
    return Drawing(figure, name, caption, alt)


def _compared(one: Compared, rows: Sequence[Row]) -> list[Item]:
    """A published figure: its heading with the verdict, the centre's number under each convention, and the source's."""
    verdict = "" if one.verdict == "not judged" else f": {one.verdict}"
    items = [Item(f"{title_of(one)}{verdict}")]
    for row in rows:
        words = f"This centre, n = {row['n']}" + (f", {row['convention']}" if row["convention"] else "")
        estimate, low, high, *_ = _scaled(row)
        items.append(Item(words, (Mark((value_text(row, unit=False),), estimate, low, high),), indent=1))
    n = f", n = {one.figure.n}" if one.figure.n else ""
    *_, estimate, low, high = _scaled(rows[0])
    theirs = Mark((value_text(rows[0], "published", unit=False),), estimate, low, high, kind=1)
    items.append(Item(f"{one.short}{n}", (theirs,), indent=1))
    return items


def _scaled(row: Row) -> tuple[float, ...]:
    """Both sides' estimate and limits in the axis' unit; an upper limit that was not reached is infinite."""
    scale = 100.0 if row["unit"] == "probability" else 1.0
    values = [
        scale * float(row[key])
        for key in ("estimate", "conf_low", "conf_high", "published", "published_low", "published_high")
    ]
    for low, high in ((1, 2), (4, 5)):
        if math.isnan(values[high]) and not math.isnan(values[low]):
            values[high] = math.inf
    return tuple(values)


def _items(label: str, part: pd.DataFrame, models: Sequence[str], double: bool, policy: Policy) -> list[Item]:
    """The rows of one characteristic: its name, then its levels; a number is one row."""
    part = part.assign(level=part["level"].fillna("").astype(str))
    levels = list(dict.fromkeys(part["level"]))
    if levels == [""]:
        return [Item(label, _marks(part, models, double, policy))]
    below = [Item(level, _marks(part[part["level"] == level], models, double, policy), indent=1) for level in levels]
    return [Item(label), *below]


def _marks(rows: pd.DataFrame, models: Sequence[str], double: bool, policy: Policy) -> tuple[Mark, ...]:
    if rows["reference"].any():
        first = rows.iloc[0]
        cells = (_of(first["n_event"], first["n"], policy), "reference", "")
        return (Mark(cells if double else cells[:2]),)
    marks = []
    for row in rows.to_dict("records"):
        if row["model"] not in models:
            continue
        words = interval(row["estimate"], row["conf_low"], row["conf_high"], missing="not estimated")
        cells = (_of(row["n_event"], row["n"], policy), words, p_value(row["p_value"]))
        kind = list(models).index(row["model"]) if len(models) > 1 else 0
        marks.append(
            Mark(cells if double else cells[:2], row["estimate"], row["conf_low"], row["conf_high"], kind)
        )
    return tuple(marks)


def _of(k: float, n: float, policy: Policy) -> str:
    if policy.hides:
        return "" if math.isnan(k) and math.isnan(n) else f"{number(k, 0, HIDDEN)}/{number(n, 0, HIDDEN)}"
    return f"{number(k, 0)}/{number(n, 0)}"


def _kind(models: Sequence[str]) -> str:
    """Which kind of model both hazards are of, where the key does not say it."""
    return f"; {models[0]} models" if models[1] == f"{models[0]} subdistribution" else ""


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]


def _stop(words: str) -> str:
    return f"{words}." if words and not words.endswith(".") else words
