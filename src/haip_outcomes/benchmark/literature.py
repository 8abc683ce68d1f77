"""The literature as data: every published figure with what it means and where it was read.

A published number is more than a number: whose patients, counted from when, what counted as the event, what
happened to those who died first, how the interval was made. All of that stands in `published.toml` beside this
file, in controlled words and, where the source says it, in the source's own words. Nothing is derived there;
what can be computed (an exact interval from k of n, a standard error from a symmetric interval) is computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from haip_outcomes.benchmark.curves.registered import RegisteredCurve
from haip_outcomes.benchmark.file_tables import (
    groups_of,
    in_words,
    misplaced,
    parsed,
    path_given,
    sources_of,
    tables_of,
    text_for_numbers,
)
from haip_outcomes.benchmark.published_figure import PublishedFigure, Source
from haip_outcomes.errors import PlanError, did_you_mean
from haip_outcomes.formatting import plural

PUBLISHED = Path(__file__).with_name("published.toml")
_TABLES = ("figure", "curve", "sources", "overlap_groups")
# What people call a field; its name here is not always the nearest in spelling.
_ALSO_CALLED = {
    **dict.fromkeys(("lower", "low", "ci_lower", "ci_lo", "conf_low", "lcl", "lower_ci", "lower_limit"), "ci_low"),
    **dict.fromkeys(("upper", "high", "ci_upper", "ci_hi", "conf_high", "ucl", "upper_ci", "upper_limit"), "ci_high"),
    **dict.fromkeys(("hr", "or", "rr", "estimate", "median", "percent", "probability", "rate", "survival", "hazard_ratio"), "value"),
    **dict.fromkeys(("p", "pvalue", "p_val", "pval"), "p_value"), **dict.fromkeys(("level", "conf_level", "ci"), "ci_level"),
    **dict.fromkeys(("n_event", "k", "deaths"), "events"), **dict.fromkeys(("patients", "n_patients", "size"), "n"),
    **dict.fromkeys(("at_risk", "number_at_risk"), "n_risk"), **dict.fromkeys(("time", "months", "time_months", "at", "year", "years"), "horizon"),
    **dict.fromkeys(("time_origin", "origin", "from"), "time_zero"), **dict.fromkeys(("note", "comment", "remark"), "notes"),
    **dict.fromkeys(("page", "table", "location"), "where"), **dict.fromkeys(("reference", "study"), "source"),
    "ci_method": "ci_form", "competing_risks": "competing", "variable": "factor",
}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Figures:
    """Published figures, frozen, in the order of the file.

    Iterate over them, take one by its id (`figures["gk2017-os-hr"]`), narrow them with `where`, or see them all
    with `tidy()`. `sources` holds the citations, `overlap_groups` says which series share patients and how we know.
    `curves` are digitised Kaplan-Meier curves (`[[curve]]` in a file); the package's own figures have none. A centre's own
    file joins the published figures with `published().with_own(load_figures("mine.toml"))`.
    """

    figures: tuple[PublishedFigure, ...]
    sources: dict[str, Source]
    overlap_groups: dict[str, str]
    curves: tuple[RegisteredCurve, ...] = ()

    def __len__(self) -> int:
        return len(self.figures)

    def __iter__(self) -> Iterator[PublishedFigure]:
        return iter(self.figures)

    def __getitem__(self, key: int | str) -> PublishedFigure:
        if isinstance(key, int):
            return self.figures[key]
        for figure in self.figures:
            if figure.id == key:
                return figure
        raise PlanError(f'There is no published figure "{key}". {did_you_mean(key, self.ids)}')

    @property
    def ids(self) -> tuple[str, ...]:
        """The figures' ids."""
        return tuple(figure.id for figure in self.figures)

    def curve(self, id: str) -> RegisteredCurve:
        """A registered curve by its id."""
        for one in self.curves:
            if one.id == id:
                return one
        raise PlanError(f'There is no registered curve "{id}". {did_you_mean(id, [one.id for one in self.curves])}')

    def with_own(self, own: Figures) -> Figures:
        """These figures and a centre's own, the own ones last.

        Raises
        ------
        PlanError : an id, a source's key or an overlap group is in both and means different things; all are named. A source or
            an overlap group that is word for word the same in both is one.
        """
        if not isinstance(own, Figures):
            raise PlanError(f"with_own takes figures, and this is a {type(own).__name__}: read your file with load_figures(path) first.")
        problems = []
        here = {one.id for one in self._all}
        for one in own._all:
            if one.id in here:
                problems.append(f'{one.id}: there is a figure or curve of this id already; give yours another, for example "own-{one.id}"')
        for key, source in own.sources.items():
            if key in self.sources and self.sources[key] != source:
                problems.append(f"[sources.{key}]: this key is {self.sources[key].short} already; write it word for word the same, or take another key")
        for key, text in own.overlap_groups.items():
            if key in self.overlap_groups and self.overlap_groups[key] != text:
                problems.append(f"[overlap_groups] {key}: this group is described otherwise already; write it word for word the same, or take another name")
        if problems:
            raise PlanError("\n".join([f"{plural(len(problems), 'problem')} in joining the figures:", *(f"  {line}" for line in problems)]))
        return Figures((*self.figures, *own.figures), {**self.sources, **own.sources}, {**self.overlap_groups, **own.overlap_groups},
                       (*self.curves, *own.curves))  # fmt: skip

    def overlap_of(self, figure: PublishedFigure | RegisteredCurve) -> tuple[str, ...]:
        """The overlap groups of a figure or curve: its own, else its source's, else the source alone.

        Two figures may share patients, and are never pooled, when they have a group in common.
        """
        return figure.overlap or self.sources[figure.source].overlap or (figure.source,)

    def where(self, **filters: Any) -> Figures:
        """The figures that meet all filters, and the curves that have these fields and meet them; see `published`."""
        chosen, curves = self.figures, self.curves
        for name, wanted in filters.items():
            if name not in PublishedFigure.model_fields:
                raise PlanError(f'Published figures have no field "{name}". {_meant(name, PublishedFigure)}')
            values = tuple(wanted) if isinstance(wanted, (list, tuple, set, frozenset)) else (wanted,)
            known = list(
                dict.fromkeys(value for one in self._all for value in self._values(one, name))
            )
            for value in values:
                if value not in known:
                    words = [str(word) for word in known if word not in (None, "")]
                    raise PlanError(
                        f'No published figure has {name} "{value}". {did_you_mean(str(value), words)}'
                    )
            chosen = tuple(
                figure for figure in chosen if any(value in values for value in self._values(figure, name))
            )
            curves = tuple(one for one in curves if any(value in values for value in self._values(one, name)))
        return Figures(chosen, self.sources, self.overlap_groups, curves)

    def _values(self, one: PublishedFigure | RegisteredCurve, name: str) -> tuple[Any, ...]:
        if name == "overlap":
            return self.overlap_of(one)
        return (getattr(one, name),) if name in type(one).model_fields else ()

    @property
    def _all(self) -> tuple[PublishedFigure | RegisteredCurve, ...]:
        return (*self.figures, *self.curves)

    def tidy(self) -> pd.DataFrame:
        """A row a figure: every field as printed, what is derived from them (columns `derived_...`), and the citation.

        Derived: the exact 95% interval of k of n, as probabilities; and `derived_std_error`, on the scale that
        `derived_std_error_scale` names: of a ratio "logarithm", (ln U - ln L)/(2z) at the printed level (else from its p-value); of a
        standard-error median its unit. `derived_std_error_basis` says from what.

        >>> shown = published(source="chakedis2018", endpoint="hazard_ratio").tidy().iloc[0]
        >>> round(float(shown["derived_std_error"]), 6), shown["derived_std_error_scale"], shown["derived_std_error_basis"]
        (0.386264, 'logarithm', 'printed 95% interval')
        """
        rows = []
        for figure in self.figures:
            source = self.sources[figure.source]
            low, high = figure.exact_interval or (None, None)
            error, scale, basis = figure.derived_error or (None, "", "")
            rows.append({
                **figure.model_dump(exclude={"value"}), "value": figure.estimate, "value_low": figure.value_range[0],
                "value_high": figure.value_range[1], "overlap": "; ".join(self.overlap_of(figure)),
                "derived_exact_low": low, "derived_exact_high": high, "derived_std_error": error, "derived_std_error_scale": scale,
                "derived_std_error_basis": basis,
                "citation": source.citation, "doi": source.doi, "pmid": source.pmid, "pmcid": source.pmcid,
            })  # fmt: skip
        columns = [*PublishedFigure.model_fields, "value_low", "value_high", "derived_exact_low", "derived_exact_high",
                   "derived_std_error", "derived_std_error_scale", "derived_std_error_basis", "citation", "doi", "pmid", "pmcid"]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    def frame(self) -> pd.DataFrame:
        """The same as `tidy()`."""
        return self.tidy()

    def __repr__(self) -> str:
        curves = f" and {plural(len(self.curves), 'curve')}" if self.curves else ""
        sources = {one.source for one in self._all}
        return f"{plural(len(self), 'published figure')}{curves} from {plural(len(sources), 'source')}"

    def _repr_html_(self) -> str:
        shown = self.tidy()[
            ["id", "setting", "endpoint", "statistic", "horizon", "value", "unit", "n", "events", "source"]
        ]
        return f"<p><b>{self!r}</b></p>{shown.to_html(index=False, na_rep='')}"


def published(**filters: Any) -> Figures:
    """The published figures that meet all filters, each a field with the value or values wanted.

    Parameters
    ----------
    filters : any field of `PublishedFigure`, for example `setting="adjuvant"`, `endpoint="overall_survival"`,
        `source=["gk2017", "chakedis2018"]`, `horizon=36`.

    Raises
    ------
    PlanError : there is no such field, or no figure has such a value; the nearest one is named.

    >>> published(source="buisman2019", endpoint="pump_complication")[0].event
    'Clavien-Dindo III or worse within 90 days'
    """
    return _curated().where(**filters)


@lru_cache(maxsize=1)
def _curated() -> Figures:
    return load_figures(PUBLISHED)


def load_figures(path: str | Path) -> Figures:
    """Read a file of published figures: the package's own, or a centre's in the same form.

    Raises
    ------
    PlanError : the file is absent or no TOML, or figures are wrong: a missing source, an interval that excludes
        its estimate, an unknown word, ... All problems are in one message, each with the figure's id.
    """
    path = path_given(path, "load_figures")
    if not path.is_file():
        raise PlanError(
            f"There is no file of published figures at {path}. docs/literature.md says how to write one."
        )
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PlanError(f"{path} can't be read: {error.strerror}.") from None
    return make_figures(parsed(raw, path.name), path.name)


def make_figures(content: dict[str, Any], name: str = "figures") -> Figures:
    """Figures from an already parsed file; what `load_figures` does after reading it."""
    problems: list[str] = []
    for key in content:
        if key not in _TABLES:
            problems.append(f"[{key}]: there is no such table. {did_you_mean(key, _TABLES)}")
    slips = misplaced(content)
    problems += slips
    groups, known = groups_of(content), sources_of(content)
    sources = {}
    for key, table in known.items():
        source = _validated(Source, {"key": key, **table}, f"[sources.{key}]", problems)
        if source is not None:
            sources[key] = source
            problems += _unknown_groups(source.overlap, groups, f"[sources.{key}] overlap")
    figures: list[PublishedFigure] = []
    curves: list[RegisteredCurve] = []
    seen: set[str] = set()
    kinds: tuple[tuple[str, Any, list[Any]], ...] = (("figure", PublishedFigure, figures), ("curve", RegisteredCurve, curves))
    for kind, model, made in kinds:
        for i, table in enumerate(tables_of(content, kind), start=1):
            place = str(table.get("id") or f"{kind} {i}")
            one = _validated(model, table, place, problems)
            if place in seen:
                problems.append(f"{place}: two figures have this id" if kind == "figure" else f"{place}: a figure or curve has this id already")
            seen.add(place)
            cited = table.get("source")
            if isinstance(cited, str) and cited not in known and not any("sources" in slip for slip in slips):
                problems.append(f"{place}: there is no [sources.{cited}]. {did_you_mean(cited, known)}")
            if one is not None:
                made.append(one)
                problems += _unknown_groups(one.overlap, groups, f"{place}: overlap")
    if not content.get("figure") and not content.get("curve") and not problems:
        problems.append("there are no figures: each begins with [[figure]], or a digitised curve with [[curve]]")
    if problems:
        head = f"{plural(len(problems), 'problem')} in {name}:"
        raise PlanError("\n".join([head, *(f"  {line}" for line in problems)]))
    return Figures(tuple(figures), sources, groups, tuple(curves))


def _unknown_groups(named: tuple[str, ...], groups: dict[str, str], place: str) -> Iterable[str]:
    for group in (group for group in named if group not in groups):
        yield f'{place}: there is no overlap group "{group}". {did_you_mean(group, groups)}'


def _meant(field: str, model: Any) -> str:
    """Advice for a field that does not exist."""
    field_of = _ALSO_CALLED.get(field.casefold())
    return f'Did you mean "{field_of}"?' if field_of in model.model_fields else did_you_mean(field, model.model_fields)


def _validated(model: Any, table: dict[str, Any], place: str, problems: list[str]) -> Any:
    """The model, or None with every one of its errors added to the problems in a reader's words."""
    quoted = text_for_numbers(model, table)
    problems += [f"{place}: {line}" for line in quoted.values()]
    try:
        made = model.model_validate(table)
        return None if quoted else made
    except ValidationError as error:
        unknown: set[str] = set(quoted)  # fields of which nothing more can be said
        for detail in error.errors():
            if detail["loc"] and detail["loc"][0] in quoted:
                continue
            field = str(detail["loc"][0]) if detail["loc"] else ""
            unknown |= {field, _ALSO_CALLED.get(field.casefold(), field)} if field else set()
            kind, message = detail["type"], detail["msg"].removeprefix("Value error, ")
            if kind == "extra_forbidden":
                problems.append(f'{place}: there is no field "{field}". {_meant(field, model)}')
            elif kind == "missing":
                problems.append(f"{place}: {field} is needed and is not there")
            elif kind == "literal_error":
                known = model.words(field)
                problems.append(
                    f'{place}: {field} can\'t be "{detail["input"]}". {did_you_mean(str(detail["input"]), known)}'
                )
            elif field:
                problems.append(f"{place}: {field}: {in_words(detail)}")
            else:
                problems += [f"{place}: {line}" for line in message.split("\n")]
        if unknown and model is PublishedFigure:  # what its other fields say is looked at all the same
            problems += [f"{place}: {line}" for line in PublishedFigure.wrong_besides(table, unknown)]
    return None
