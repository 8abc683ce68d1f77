"""Which published figures ask the same question of different patients: the cells of the literature.

Two figures are in one cell when every field of their estimand says the same word. "Not stated" is a word of its own: such
figures may differ in what they do not say, which is then a part of how far they lie apart, and is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from haip_outcomes.benchmark.literature import Figures
from haip_outcomes.benchmark.pooling.effects import Effect, effect_of
from haip_outcomes.benchmark.pooling.scales import scale_of
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.benchmark.wording import endpoint_words
from haip_outcomes.formatting import listed, plural

LEAST = 4  # sources of different patients, or nothing is pooled
FIELDS = ("setting", "endpoint", "outcome", "statistic", "horizon", "unit", "event", "competing", "time_zero", "modality", "subgroup",
          "factor", "adjustment", "better")  # fmt: skip
_PUMP = "HAIP"
_RATIOS = ("hazard_ratio", "risk_ratio", "odds_ratio")
# The operation and the pump itself: whether chemotherapy was later given by vein as well is no part of the question.
_OF_THE_PUMP = (
    "postop_complication", "postop_mortality", "pump_complication", "pump_failure", "pump_salvage", "reintervention", "conversion_to_open",
    "extrahepatic_perfusion", "first_cycle_delivered", "first_cycle_not_delivered", "time_to_first_cycle",
)  # fmt: skip

Key = tuple[object, ...]


@dataclass(frozen=True, eq=False)
class Cell:
    """Figures of one estimand. `chosen` are pooled: one a group of series that may share patients; `left_out` says why not the others."""

    key: Key
    figures: Figures
    chosen: tuple[tuple[PublishedFigure, Effect], ...]
    left_out: tuple[tuple[str, str], ...]  # id, why
    n_groups: int  # sources of different patients, whether or not an effect follows from their figures

    @property
    def can_be_pooled(self) -> bool:
        """Whether there are enough sources of different patients."""
        return len(self.chosen) >= LEAST

    @property
    def words(self) -> str:
        """The estimand in words: "unresectable, overall survival, median, months"."""
        one, said = self.figures[0], dict(zip(FIELDS, self.key, strict=True))
        horizon = f" at {one.horizon:g} months" if one.horizon is not None else ""
        extra = [str(said[name]) for name in ("subgroup", "factor") if said[name]]
        if said["event"] not in ("as named", "not stated", "not applicable"):
            extra.insert(0, str(said["event"]))
        what = one.statistic.replace("_", " ")
        return ", ".join([one.setting.replace("_", " "), endpoint_words(one), f"{what}{horizon}", str(said["modality"]), *extra])

    @property
    def not_stated(self) -> tuple[str, ...]:
        """The fields of the estimand that these sources leave open."""
        return tuple(name for name, value in zip(FIELDS, self.key, strict=True) if "not stated" in str(value))

    @property
    def reason(self) -> str:
        """Why nothing is pooled: "2 sources, too few to pool"; empty where it is."""
        one = self.figures[0]
        if scale_of(one) is None:
            return f"a {one.statistic.replace('_', ' ')} is on no scale to pool on"
        return "" if self.can_be_pooled else f"{plural(len(self.chosen), 'source')}, too few to pool"


def key_of(figure: PublishedFigure) -> Key:
    """The words that two figures must share to be pooled; see `poolable`."""
    ratio = figure.statistic in _RATIOS
    words = {name: getattr(figure, name) for name in FIELDS} | {"unit": figure.common_unit}  # years join months
    if figure.endpoint in _OF_THE_PUMP and figure.modality.startswith(_PUMP):
        words["modality"] = _PUMP
    if not ratio:
        words |= {"factor": "", "adjustment": ""}
    return tuple(words.values())


def cells_of(figures: Figures) -> tuple[Cell, ...]:
    """The cells of these figures, in the order in which they first appear; every figure is in one."""
    parts: dict[Key, list[PublishedFigure]] = {}
    for figure in figures:
        parts.setdefault(key_of(figure), []).append(figure)
    return tuple(_cell(key, replace(figures, figures=tuple(part))) for key, part in parts.items())


def _cell(key: Key, figures: Figures) -> Cell:
    effects = {figure.id: effect_of(figure) for figure in figures}
    left_out = [(one.id, effects[one.id].reason) for one in figures if not effects[one.id].usable]
    chosen: list[PublishedFigure] = []
    for figure, other in _apart(figures, [one for one in _largest_first(figures) if effects[one.id].usable]):
        if other is None:
            chosen.append(figure)
        else:
            left_out.append((figure.id, f"may share patients with {other.id}, which has {_more(figure, other)}"))
    every = sum(other is None for _, other in _apart(figures, _largest_first(figures)))
    in_file = [figure for figure in figures if figure in chosen]
    return Cell(key, figures, tuple((figure, effects[figure.id]) for figure in in_file), tuple(left_out), every)


def _largest_first(figures: Figures) -> list[PublishedFigure]:
    """By number of patients, those without one last; the order of the file where equal."""
    return sorted(figures, key=lambda figure: -(figure.n or 0))


def _apart(figures: Figures, order: list[PublishedFigure]) -> Iterator[tuple[PublishedFigure, PublishedFigure | None]]:
    """Each figure with an earlier one of its overlap groups or its source that was taken; None when it is taken itself."""
    taken: list[tuple[PublishedFigure, set[str]]] = []
    for figure in order:
        groups = {*figures.overlap_of(figure), figure.source}
        other = next((one for one, theirs in taken if groups & theirs), None)
        if other is None:
            taken.append((figure, groups))
        yield figure, other


def _more(figure: PublishedFigure, other: PublishedFigure) -> str:
    if other.n is None or (figure.n or 0) == other.n:
        return "as many patients, and stands first" if other.n is not None else "no number of patients either, and stands first"
    return f"more patients ({other.n})"


def differing(cells: tuple[Cell, ...]) -> str:
    """The fields in which several cells differ, with their words: for a refusal."""
    parts = []
    for name, values in zip(FIELDS, zip(*(cell.key for cell in cells), strict=True), strict=True):
        different = list(dict.fromkeys(f'"{value}"' if value not in (None, "") else "none" for value in values))
        if len(different) > 1:
            parts.append(f"{name} ({listed(different[:6], 'and') if len(different) <= 6 else ', '.join(different[:6]) + ', ...'})")
    return "; ".join(parts)
