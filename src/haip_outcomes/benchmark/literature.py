"""The literature as data: every published figure with what it means and where it was read.

A published number is more than a number: whose patients, counted from when, what counted as the event, what
happened to those who died first, how the interval was made. All of that stands in `published.toml` beside this
file, in controlled words and, where the source says it, in the source's own words. Nothing is derived there;
what can be computed (an exact interval from k of n, a standard error from a symmetric interval) is computed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from haip_outcomes.benchmark.published_figure import PublishedFigure, Source
from haip_outcomes.errors import PlanError, did_you_mean
from haip_outcomes.formatting import plural

PUBLISHED = Path(__file__).with_name("published.toml")


@dataclass(frozen=True, eq=False, repr=False)
class Figures:
    """Published figures, frozen, in the order of the file.

    Iterate over them, take one by its id (`figures["gk2017-os-hr"]`), narrow them with `where`, or see them all
    with `frame()`. `sources` holds the citations, `overlap_groups` says which series share patients and how we know.
    """

    figures: tuple[PublishedFigure, ...]
    sources: dict[str, Source]
    overlap_groups: dict[str, str]

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

    def overlap_of(self, figure: PublishedFigure) -> tuple[str, ...]:
        """The overlap groups of a figure: its own, else its source's, else the source alone.

        Two figures may share patients, and are never pooled, when they have a group in common.
        """
        return figure.overlap or self.sources[figure.source].overlap or (figure.source,)

    def where(self, **filters: Any) -> Figures:
        """The figures that meet all filters; see `published`."""
        chosen = self.figures
        for name, wanted in filters.items():
            if name not in PublishedFigure.model_fields:
                raise PlanError(
                    f'Published figures have no field "{name}". {did_you_mean(name, PublishedFigure.model_fields)}'
                )
            values = tuple(wanted) if isinstance(wanted, (list, tuple, set, frozenset)) else (wanted,)
            known = list(
                dict.fromkeys(value for figure in self.figures for value in self._values(figure, name))
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
        return Figures(chosen, self.sources, self.overlap_groups)

    def _values(self, figure: PublishedFigure, name: str) -> tuple[Any, ...]:
        return self.overlap_of(figure) if name == "overlap" else (getattr(figure, name),)

    def frame(self) -> pd.DataFrame:
        """A row a figure: every field, what is derived from them, and the citation."""
        rows = []
        for figure in self.figures:
            source = self.sources[figure.source]
            low, high = figure.exact_interval or (None, None)
            rows.append({
                **figure.model_dump(exclude={"value"}), "value": figure.estimate, "value_low": figure.value_range[0],
                "value_high": figure.value_range[1], "overlap": "; ".join(self.overlap_of(figure)),
                "derived_exact_low": low, "derived_exact_high": high, "derived_std_error": figure.symmetric_error,
                "citation": source.citation, "doi": source.doi, "pmid": source.pmid, "pmcid": source.pmcid,
            })  # fmt: skip
        columns = [*PublishedFigure.model_fields, "value_low", "value_high", "derived_exact_low", "derived_exact_high",
                   "derived_std_error", "citation", "doi", "pmid", "pmcid"]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    def __repr__(self) -> str:
        return f"{plural(len(self), 'published figure')} from {plural(len({f.source for f in self.figures}), 'source')}"

    def _repr_html_(self) -> str:
        shown = self.frame()[
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
    path = Path(path)
    if not path.is_file():
        raise PlanError(
            f"There is no file of published figures at {path}. docs/literature.md says how to write one."
        )
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise PlanError(f"{path.name} is not a text file in UTF-8. Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise PlanError(
            f"{path.name} is not valid TOML: {error}. Text stands in quotes, lists in [ ]."
        ) from None
    return make_figures(content, path.name)


def make_figures(content: dict[str, Any], name: str = "figures") -> Figures:
    """Figures from an already parsed file; what `load_figures` does after reading it."""
    problems: list[str] = []
    for key in content:
        if key not in ("figure", "sources", "overlap_groups"):
            problems.append(
                f"[{key}]: there is no such table. {did_you_mean(key, ['figure', 'sources', 'overlap_groups'])}"
            )
    groups = {str(key): str(text) for key, text in content.get("overlap_groups", {}).items()}
    sources = {}
    for key, table in content.get("sources", {}).items():
        source = _validated(Source, {"key": key, **table}, f"[sources.{key}]", problems)
        if source is not None:
            sources[key] = source
            problems += _unknown_groups(source.overlap, groups, f"[sources.{key}] overlap")
    figures = []
    seen: set[str] = set()
    for i, table in enumerate(content.get("figure", []), start=1):
        place = str(table.get("id") or f"figure {i}")
        figure = _validated(PublishedFigure, table, place, problems)
        if place in seen:
            problems.append(f"{place}: two figures have this id")
        seen.add(place)
        cited = table.get("source")
        if cited is not None and cited not in content.get("sources", {}):
            problems.append(
                f"{place}: there is no [sources.{cited}]. {did_you_mean(str(cited), content.get('sources', {}))}"
            )
        if figure is not None:
            figures.append(figure)
            problems += _unknown_groups(figure.overlap, groups, f"{place}: overlap")
    if not content.get("figure") and not problems:
        problems.append("there are no figures: each begins with [[figure]]")
    if problems:
        head = f"{plural(len(problems), 'problem')} in {name}:"
        raise PlanError("\n".join([head, *(f"  {line}" for line in problems)]))
    return Figures(tuple(figures), sources, groups)


def _unknown_groups(named: tuple[str, ...], groups: dict[str, str], place: str) -> Iterable[str]:
    for group in (group for group in named if group not in groups):
        yield f'{place}: there is no overlap group "{group}". {did_you_mean(group, groups)}'


def _validated(model: Any, table: dict[str, Any], place: str, problems: list[str]) -> Any:
    """The model, or None with every one of its errors added to the problems in a reader's words."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        for detail in error.errors():
            field = str(detail["loc"][0]) if detail["loc"] else ""
            kind, message = detail["type"], detail["msg"].removeprefix("Value error, ")
            if kind == "extra_forbidden":
                problems.append(
                    f'{place}: there is no field "{field}". {did_you_mean(field, model.model_fields)}'
                )
            elif kind == "missing":
                problems.append(f"{place}: {field} is needed and is not there")
            elif kind == "literal_error":
                known = model.words(field)
                problems.append(
                    f'{place}: {field} can\'t be "{detail["input"]}". {did_you_mean(str(detail["input"]), known)}'
                )
            elif field:
                problems.append(f"{place}: {field}: {message[0].lower()}{message[1:]}")
            else:
                problems += [f"{place}: {line}" for line in message.split("\n")]
    return None
