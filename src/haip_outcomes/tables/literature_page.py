"""All published figures as one page that can be searched, opened offline and printed: `docs/published_figures.html`.

    python -m haip_outcomes.tables.literature_page docs

The page is made from `benchmark/published.toml` and from nothing else; a test holds the committed one equal to what this makes.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from haip_outcomes.benchmark.literature import Figures, published
from haip_outcomes.benchmark.pooling.pooled_figures import poolable
from haip_outcomes.benchmark.published_figure import PublishedFigure, Source
from haip_outcomes.benchmark.wording import endpoint_words
from haip_outcomes.formatting import number, percent, plural

TITLE = "Published figures of hepatic arterial infusion pump chemotherapy"
BEGIN, END = "<!-- made by python -m haip_outcomes.tables.literature_page docs -->", "<!-- to here -->"
_SILENT = ("", "not applicable")


def literature_page(figures: Figures, title: str = TITLE) -> str:
    """One self-contained HTML page: a row a figure with its estimand, the source's words, what is derived, and its notes; then the sources.

    Nothing is loaded from elsewhere; without JavaScript all figures are shown and the boxes to choose by are not.

    >>> page = literature_page(published(source="chakedis2018"))
    >>> page.count("<tr id="), "9.2 months (95% CI 3.1 to 15.3)" in page, "https://doi.org/10.1002/jso.25249" in page
    (11, True, True)
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = (files("haip_outcomes.tables") / "templates" / "literature_page.html.j2").read_text(encoding="utf-8")
    counts = Counter(one.source for one in (*figures, *figures.curves))
    groups = [(key, words) for key, words in sorted(figures.overlap_groups.items()) if any(key in figures.overlap_of(figure) for figure in figures)]
    return environment.from_string(template).render(
        title=title, intro=_intro(figures), boxes=_boxes(figures), rows=[_row(figure, figures) for figure in figures],
        sources=[_source(figures.sources[key], counts[key]) for key in sorted(counts, key=lambda key: figures.sources[key].short.casefold())],
        curves=[f"{one.id}: {one.endpoint.replace('_', ' ')}, {_plain(one.setting)}, time zero: {one.time_zero_text or one.time_zero}, n = {one.n}; "
                f"{figures.sources[one.source].short}, {one.read_from}" for one in figures.curves],
        groups=groups,
    )  # fmt: skip


def _intro(figures: Figures) -> str:
    read = Counter(figure.read for figure in figures)
    cells = poolable(figures)
    pooled = int(cells["can_be_pooled"].sum())
    sources = plural(len({figure.source for figure in figures}), "source")
    return (f"{plural(len(figures), 'figure')} from {sources}: {read['primary']} read in the source itself (mostly its abstract), "
            f"{read['secondary']} quoted by another. They ask {len(cells)} different questions; {pooled or 'none'} of these can be pooled today "
            "(four sources of different patients, each with an estimate and its uncertainty).")  # fmt: skip


def _boxes(figures: Figures) -> list[dict[str, Any]]:
    """The select boxes: what they choose by, and how many figures each choice has."""

    def box(key: str, label: str, of: Callable[[PublishedFigure], str], words: Callable[[str], str]) -> dict[str, Any]:
        counts = Counter(of(figure) for figure in figures)
        options = [(value, words(value), counts[value]) for value in sorted(counts, key=lambda value: words(value).casefold())]
        return {"key": key, "label": label, "options": options}

    return [
        box("setting", "Setting", lambda figure: figure.setting, lambda value: _upper(_plain(value))),
        box("endpoint", "Endpoint", endpoint_words, _upper),
        box("statistic", "Statistic", lambda figure: figure.statistic, lambda value: _upper(_plain(value))),
        box("source", "Source", lambda figure: figure.source, lambda key: figures.sources[key].short),
    ]


def _row(figure: PublishedFigure, figures: Figures) -> dict[str, Any]:
    source = figures.sources[figure.source]
    links = _links(source)
    return {
        "id": figure.id, "setting": figure.setting, "endpoint": endpoint_words(figure), "source": figure.source, "statistic": figure.statistic,
        "printed": figure.printed, "statistic_words": _statistic(figure), "beside": _beside(figure), "derived": _derived(figure),
        "endpoint_words": _upper(endpoint_words(figure)), "setting_words": _upper(_plain(figure.setting)), "modality": figure.modality,
        "what": [(name, words) for name, words in (
            ("subgroup", figure.subgroup), ("factor", figure.factor), ("adjustment", figure.adjustment), ("patients", figure.population),
            ("against", figure.comparator), ("follow-up", figure.follow_up), ("better", figure.better)) if words not in _SILENT],
        "counted": [(name, word, words) for name, word, words in (
            ("time from", figure.time_zero, figure.time_zero_text), ("event", figure.event, figure.event_text),
            ("deaths before it", figure.competing, "")) if word not in _SILENT or words],
        "short": source.short, "link": links[0][1] if links else "", "where": figure.where, "quoted": figure.read == "secondary",
        "overlap": "; ".join(figure.overlap or source.overlap), "notes": figure.notes,
    }  # fmt: skip


def _statistic(figure: PublishedFigure) -> str:
    words = _plain(figure.statistic)
    horizon = f" at {figure.horizon:g} months" if figure.horizon is not None else ""
    return f"{_upper(words)}{horizon}"


def _beside(figure: PublishedFigure) -> list[str]:
    """What is printed beside the number."""
    found = [f"in the record as: {figure.unit_text}"] if figure.unit_text else []
    if figure.n is not None:
        found.append(f"{figure.events} of {figure.n}" if figure.events is not None else f"n = {figure.n}")
    elif figure.events is not None:
        found.append(plural(figure.events, "event"))
    if figure.n_risk is not None:
        found.append(f"{figure.n_risk} at risk at that time")
    if figure.iqr is not None:
        found.append(f"quartiles {figure.iqr[0]:g} to {figure.iqr[1]:g}")
    if figure.p_value:
        found.append(f"p {figure.p_value if figure.p_value.startswith('<') else '= ' + figure.p_value}")
    if figure.ci_low is not None or figure.ci_text:
        found.append(f"interval: {figure.ci_form}{f' ({figure.ci_text})' if figure.ci_text else ''}")
    return found


def _derived(figure: PublishedFigure) -> list[str]:
    """What follows from the printed numbers; never typed, always marked."""
    found = []
    if figure.events is None and figure.count is not None:
        found.append(f"{figure.count} of {figure.n}: the only count that prints as this")
    if figure.exact_interval is not None:
        low, high = figure.exact_interval
        found.append(f"exact 95% interval {percent(low, digits=1)} to {percent(high, digits=1)}")
    if figure.derived_error is not None:
        error, scale, basis = figure.derived_error
        words = f"standard error of its logarithm {number(error, 3)}" if scale == "logarithm" else f"standard error {number(error, 2)} {scale}"
        odd = ", not symmetric on the logarithm" if scale == "logarithm" and figure.ci_low is not None and not figure.log_symmetric else ""
        found.append(f"{words}, from the {basis}{odd}")
    return found


def _source(source: Source, count: int) -> dict[str, Any]:
    return {"key": source.key, "short": source.short, "citation": source.citation, "links": _links(source), "notes": source.notes,
            "count": plural(count, "figure")}  # a curve is one of its source's figures


def _links(source: Source) -> list[tuple[str, str]]:
    """Where the source is to be read: words and address, its DOI first."""
    found = []
    if source.doi:
        found.append((f"doi {source.doi}", f"https://doi.org/{source.doi}"))
    if source.pmid:
        found.append((f"PubMed {source.pmid}", f"https://pubmed.ncbi.nlm.nih.gov/{source.pmid}/"))
    if source.pmcid:
        found.append((source.pmcid, f"https://www.ncbi.nlm.nih.gov/pmc/articles/{source.pmcid}/"))
    return found


def _plain(word: str) -> str:
    return {"resected_no_haip": "resected, no pump", "systemic": "systemic chemotherapy", "both": "both settings together",
            "median_IQR": "median, quartiles"}.get(word, word.replace("_", " "))  # fmt: skip


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def pooling_block(figures: Figures) -> str:
    """What can be pooled today, in Markdown, for docs/pooling.md: the numbers, and the cells nearest to it."""
    cells = poolable(figures)
    scaled = cells[~cells["reason"].str.contains("on no scale")]
    pooled = cells[cells["can_be_pooled"]]
    near = scaled[scaled["n_groups"] >= 2].sort_values(["k", "n_groups"], ascending=False, kind="stable")
    total, of_no_scale = cells["n_figures"].sum(), cells["n_figures"].sum() - scaled["n_figures"].sum()
    lines = [
        f"**{len(pooled)} of {len(cells)} cells can be pooled today.** The {total} published figures fall into {len(cells)} cells; "
        f"{len(cells) - len(scaled)} of these ({of_no_scale} figures) are ranges, counts or thresholds, on no scale to pool on.",
        f"Sources of different patients with an estimate and its uncertainty: {_tally(scaled['k'])} cells. "
        f"If every source printed an interval: {_tally(scaled['n_groups'])} cells.",
        "",
        "| cells with two sources of different patients or more | sources | with an uncertainty | not stated |",
        "|---|---|---|---|",
        *(f"| {row['setting'].replace('_', ' ')}, {(row['outcome'] or row['endpoint']).replace('_', ' ')}, {_statistic_words(row)}, {row['modality']} "
          f"| {row['n_groups']} | {row['k']} | {row['not_stated'].replace('_', ' ') or '-'} |" for row in near.to_dict("records")),
    ]  # fmt: skip
    return "\n".join(lines)


def _tally(counts: Any) -> str:
    """How many cells have 0, 1, 2 ... sources."""
    found = counts.value_counts().sort_index()
    return ", ".join(f"{k} in {n}" for k, n in found.items())


def _statistic_words(row: dict[Any, Any]) -> str:
    horizon = f" at {row['horizon']:g} months" if row["horizon"] == row["horizon"] and row["horizon"] is not None else ""
    return " ".join(filter(None, [row["statistic"].replace("_", " ") + horizon, f"({row['factor']})" if row["factor"] else ""]))


def main(arguments: list[str]) -> int:
    """Write the page of the package's own figures into a folder, and the numbers of its pooling.md."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m haip_outcomes.tables.literature_page docs", file=sys.stderr)
        return 2
    figures, folder = published(), Path(arguments[0])
    page = folder / "published_figures.html"
    page.write_text(literature_page(figures), encoding="utf-8", newline="\n")
    print(page)
    words = folder / "pooling.md"
    if words.is_file():
        words.write_text(with_block(words.read_text(encoding="utf-8"), figures), encoding="utf-8", newline="\n")
        print(words)
    return 0


def with_block(text: str, figures: Figures) -> str:
    """The same page of documentation with its numbers made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{pooling_block(figures)}\n{END}{after}" if after or rest else text


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
