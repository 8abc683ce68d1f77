"""Chapter: time to liver progression against the literature, and what the way of counting makes of this centre's number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from haip_outcomes.benchmark.comparison import UNNAMED, Compared, Comparison
from haip_outcomes.benchmark.literature import Figures, published
from haip_outcomes.benchmark.liver_counting import Counted, LiverProgression, liver_of
from haip_outcomes.benchmark.pooling.cells import LEAST, cells_of
from haip_outcomes.benchmark.verdicts import NOT_COMPARABLE, NOT_JUDGED, SAME_PATIENTS
from haip_outcomes.figures.liver_literature import plot_liver_literature
from haip_outcomes.formatting import listed, number, percent, plural
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.cautioned import with_caution
from haip_outcomes.report.centre_recipes import recipe_of
from haip_outcomes.report.cleared_liver import cleared_liver
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.words import by_setting, months
from haip_outcomes.tables.comparisons import value_text
from haip_outcomes.tables.disclosure import HIDDEN, OPEN, Policy
from haip_outcomes.tables.table import Table

TITLE = "Time to liver progression against the literature"
_FOLLOWED = 5


def liver_against(cohort: Cohort, comparison: Comparison | None, policy: Policy = OPEN, figures: Figures | None = None) -> Chapter | None:
    """By setting: every published estimate on one axis with this centre's, and the centre's number under each way of counting.

    None when the plan has no endpoint of the liver, or nothing could be compared. `figures` are those of the comparison.
    """
    if comparison is None or not {"liver", "first_site"} & set(cohort.plan.endpoints):
        return None
    chapter = Chapter("liver_literature", TITLE, policy)
    for setting, part, title in by_setting(cohort):
        chapter.heading(title)
        with chapter.attempt("time to liver progression against the literature", setting):
            _setting(part, cleared_liver(liver_of(part, setting, comparison), part, policy), comparison, published() if figures is None else figures, setting, chapter)
    return chapter


def _setting(part_of: Cohort, found: LiverProgression, comparison: Comparison, figures: Figures, setting: str, chapter: Chapter) -> None:
    on_axis = [one for panel in found.panels for one in panel.published]
    chapter.figures_shown += [one.figure.id for one in (*on_axis, *found.elsewhere)]
    chapter.say(" ".join(filter(None, [_sources(on_axis, found), _poolable(on_axis, figures)])))
    if found.panels:
        chapter.draw(lambda: with_caution(plot_liver_literature(found), comparison, chapter.policy), f"liver_literature_{setting}", setting)
    chapter.show(with_caution(_ways(found, chapter.policy), comparison, chapter.policy), f"ways_of_counting_{setting}")
    spread = "" if chapter.policy.hides else _spread(found)
    if spread:
        chapter.say(spread)
    if on_axis or found.elsewhere:
        chapter.show(with_caution(_published(found), comparison, chapter.policy), f"liver_published_{setting}")
    tidy = found.tidy()
    made = {} if chapter.policy.hides else _recipes(found, part_of, setting)
    tidy["recipe"] = [recipe("published") if row["source"] != "this centre" else made.get((row["term"], row["kind"], row["time"])) for row in tidy.astype(object).where(tidy.notna(), None).to_dict("records")]
    for source, rows in tidy.groupby("source", sort=False):
        ours = source == "this centre"
        for (kind, unit), part in rows.groupby(["kind", "unit"], sort=False):
            shown = part["printed"].where(part["printed"] != "", part["reason"])
            told = part.assign(shown=shown.where(shown.astype(bool), None), group=part["term"] if ours else part["source"])
            quantity = {"median": "median", "events": "share with the event", "free": "share free of the event"}.get(str(kind), str(kind))
            chapter.record(told.drop(columns="term"), setting=setting, analysis="time to liver progression, every way of counting" if ours else "time to liver progression, published",
                           quantity=f"{quantity}" if ours else "published", unit=str(unit), method=found.method if ours else "", cleared=True)  # fmt: skip


def _sources(on_axis: Sequence[Compared], found: LiverProgression) -> str:
    """How many series there are, and what they do not say."""
    if not on_axis:
        return "No published estimate of a time to liver progression is known for this setting."
    figures = [one.figure for one in on_axis]
    series = len({figure.source for figure in figures})
    silent = {"what became of patients who died first": sum(figure.competing == "not stated" for figure in figures),
              "from when they count": sum(figure.time_zero == "not stated" for figure in figures)}  # fmt: skip
    bare = sum(figure.ci_low is None for figure in figures)
    of = plural(len(figures), "published estimate")
    told = [f"{k} {'does' if k == 1 else 'do'} not say {what}" for what, k in silent.items() if k]
    told += [f"{bare} {'prints' if bare == 1 else 'print'} no interval"] if bare else []
    beside = sum(one.answers is not None for one in on_axis)
    head = f"{of} from {plural(series, 'series', 'series')} {'is' if len(figures) == 1 else 'are'} known for this setting, {beside or 'none'} of which can be set beside this centre"
    own = sum(one.answers is not None and one.verdict == SAME_PATIENTS for one in on_axis)
    if own:
        head += f" ({'it is' if own == beside == 1 else f'{own} of them'} on these same patients, so it is no comparison)"
    judged = [one for one in on_axis if one.named]
    words = "; ".join(f"{one.short}: {one.verdict}" for one in judged)
    end = f" Named in the plan: {words}." if judged else " The plan names none of them, so none is judged."
    return f"{head}. Of them {listed(told)}.{end}" if told else f"{head}.{end}"


def _poolable(on_axis: Sequence[Compared], figures: Figures) -> str:
    """Whether any of these questions has enough sources of different patients."""
    ids = {one.figure.id for one in on_axis if one.verdict != SAME_PATIENTS}
    cells = cells_of(replace(figures, figures=tuple(figure for figure in figures if figure.id in ids)))
    if not cells:
        return ""
    if any(cell.can_be_pooled for cell in cells):
        return "Those that can be pooled stand in the chapter “Against the literature”, with what is expected of a new centre."
    most = max(len(cell.chosen) for cell in cells)
    return f"No question that they ask has more than {plural(most, 'source')} of different patients with a known uncertainty: too few to pool (at least {LEAST})."


def _spread(found: LiverProgression) -> str:
    """How far the way of counting alone moves the centre's number."""
    parts = []
    middle = found.spread(None)
    if middle is not None and middle[0] < middle[1]:
        open_end = any(way[0].number is not None and math.isnan(way[0].number.side.estimate) for way in found.counting)
        parts.append(f"this centre's median runs from {number(middle[0], 1)} to {number(middle[1], 1)} months{' or is not reached' if open_end else ''}")
    shares = {time: found.spread(time) for time in found.times}
    told = {time: (percent(pair[0]), percent(pair[1])) for time, pair in shares.items() if pair is not None and percent(pair[0]) != percent(pair[1])}
    if told:
        when = listed([months(time) for time in told])
        parts.append(f"the share with liver progression by {when} months from {listed([f'{low} to {high}' for low, high in told.values()])}")
    if not parts:
        return ""
    return f"By the way of counting alone {listed(parts)}. A source that does not say how it counted can't be judged more closely than that."


def _ways(found: LiverProgression, policy: Policy) -> Table:
    rows, few = [], set()
    for way in found.counting:
        middle, *shares = way
        cells = [_cell(one, policy) for one in way]
        events = middle.number.n_event if middle.number is not None else None
        rows.append((f"{way[0].words[:1].upper()}{way[0].words[1:]}" or "As planned", HIDDEN if events is None and policy.hides else number(events, 0), *cells))
        few |= {time for time, one in zip(found.times, shares, strict=True) if _few(one, time)}
    header = ("Way of counting", "Events", "Median, months (95% CI)", *(f"By {months(time)} months (95% CI)" for time in found.times))
    notes = ["CI: confidence interval. NR: not reached. -: nobody is followed so far.",
             "Deaths censored: one minus Kaplan-Meier, as several series seem to print it; it overstates the share of patients with the event. Deaths as events: "
             "a progression-free survival of the liver. As competing risks: the share of patients to whom it happens (Aalen-Johansen). Where extrahepatic "
             "progression is censored or competes, only a liver that progressed first counts."]  # fmt: skip
    notes += [f"Not counted here: {words}." for words in found.unanswered]
    if few and not policy.hides:
        notes.append(f"Under {_FOLLOWED} patients are still followed at {listed([months(time) for time in sorted(few)])} months.")
    if policy.hides and any(HIDDEN in cell for row in rows for cell in row):
        notes.append(f"{HIDDEN}: hidden, or too few followed. Shares are shown where deaths compete only: beside them the others could tell how few died first.")
    return Table("ways_of_counting", f"What the way of counting makes of this centre's number, {plural(found.n, 'patient')}, from {found.time_zero}", header, tuple(rows),
                 tuple(notes))  # fmt: skip


def _few(one: Counted, time: float) -> bool:
    return one.number is not None and one.number.times is not None and int((one.number.times.time >= time).sum()) < _FOLLOWED


def _cell(one: Counted, policy: Policy) -> str:
    if one.number is None:
        return HIDDEN if policy.hides else "-"
    ours = one.number
    return value_text({"estimate": ours.side.estimate, "conf_low": ours.shown[0], "conf_high": ours.shown[1], "unit": ours.unit, "rounded": policy.hides}, unit=False)


def _published(found: LiverProgression) -> Table:
    """Every published number of the setting, what it counts in the source's words, and what became of it here."""
    rows = []
    for one in (*(one for panel in found.panels for one in panel.published), *found.elsewhere):
        figure = one.figure
        rows.append((one.short, str(figure.n or "-"), _estimand(one), figure.printed, figure.event_text or figure.event, figure.competing,
                     figure.time_zero, _word(one)))  # fmt: skip
    notes = ("As printed. n: patients. Deaths: what became of patients who died before the event. Event: in the source's words where it has any.",
             "-: can be set beside this centre, and is not among the figures that the plan names, so not judged.")  # fmt: skip
    return Table("liver_published", "Every published number on time to liver progression or recurrence of this setting",
                 ("Source", "n", "Statistic", "Value (95% CI)", "Event", "Deaths", "Counted from", "Beside this centre"), tuple(rows), notes,
                 text_columns=(2, 3, 4, 5, 6, 7))  # fmt: skip


def _estimand(one: Compared) -> str:
    figure = one.figure
    words = {"landmark_probability": "free of it", "cumulative_incidence": "cumulative incidence", "proportion": "crude share"}.get(
        figure.statistic, figure.statistic.replace("_", " "))  # fmt: skip
    return f"{words} at {figure.horizon:g} months" if figure.horizon else words


def _word(one: Compared) -> str:
    if one.verdict == NOT_JUDGED and one.reason == UNNAMED:
        return "-"
    return f"{one.verdict}: {one.reason}" if one.verdict == NOT_COMPARABLE and one.reason else one.verdict


def _recipes(found: LiverProgression, part: Cohort, setting: str) -> dict[tuple[object, object, object], str]:
    """How each of the centre's numbers was made, by way of counting, kind and time."""
    told = [(one, None if time is None else "events", time) for way in found.counting for time, one in zip((None, *found.times), way, strict=True)]
    told += [(one, "free" if panel.statistic == "landmark_probability" else None if panel.horizon is None else "events", panel.horizon) for panel in found.panels for one in panel.ours]
    return {(one.words, kind or "median", time): recipe_of(one.number, part, setting) for one, kind, time in told if one.number is not None}
