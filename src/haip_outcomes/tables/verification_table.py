"""What a verification found, as tables: by engine, by chapter, what has no second engine, and what differs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from haip_outcomes.prognosis.verification.comparing import AGREES, DIFFERS, FAILED
from haip_outcomes.prognosis.verification.engine_table import TABLE
from haip_outcomes.prognosis.verification.verifying import Verification
from haip_outcomes.tables.table import Table

_WORDS = {"estimate": "estimate", "std_error": "standard error", "conf_low": "lower limit", "conf_high": "upper limit", "statistic": "statistic", "df": "df",
          "p_value": "p-value", "n": "n", "n_event": "events", "n_risk": "at risk", "n_censor": "censored"}  # fmt: skip


def verification_tables(found: Verification, titles: Mapping[str, str]) -> tuple[Table, ...]:
    """The tables of the report's last page; `titles` are the chapters' names by their keys."""
    tables = [_differing(found, titles), _by_engine(found), _by_chapter(found, titles), _without(found, titles), _failed(found, titles)]
    return tuple(table for table in tables if table is not None)


def _by_engine(found: Verification) -> Table:
    rows = tuple((row["engine"], row["version"] or "-", str(row["estimates"]), str(row["numbers"]), _size(row["largest"]), str(row["differs"]))
                 for row in found.by_engine().to_dict("records"))  # fmt: skip
    notes = ("Estimates: medians, probabilities, hazard ratios, shares, test statistics and the like. Numbers: these with their standard errors, limits, p-values "
             "and counts. Largest difference: relative to max(|theirs|, 0.001), among the numbers that agree. Python: without a library, by counting, summed binomial "
             "tails and its own statistics module.", f"All are held to {min(one.tolerance for one in TABLE):g}." if len({one.tolerance for one in TABLE}) == 1 else
             "Held to 1e-6 but for the engines with a limit of their own (docs/verify.md).")  # fmt: skip
    return Table("verified_by", "Computed again, by what", ("Engine", "Version", "Estimates that agree", "Numbers that agree", "Largest difference", "Numbers that differ"),
                 rows, notes, text_columns=(1,))  # fmt: skip


def _by_chapter(found: Verification, titles: Mapping[str, str]) -> Table:
    each = found.estimates()
    rows = []
    for key, own in each.groupby("chapter", sort=False):
        chapter = str(key)
        good = own[own["verdict"] == AGREES]
        engines = dict.fromkeys(name for text in good["engines"] for name in text.split(", ") if name)
        several = int(good["engines"].str.contains(", ").sum())
        rows.append((titles.get(chapter, chapter), str(len(own)), str(len(good)), str(several), str(int((own["verdict"] == DIFFERS).sum())), ", ".join(engines) or "-"))
    good = each[each["verdict"] == AGREES]
    rows.append(("All", str(len(each)), str(len(good)), str(int(good["engines"].str.contains(", ").sum())), str(int((each["verdict"] == DIFFERS).sum())), ""))
    return Table("verified_chapters", "Computed again, chapter by chapter", ("Chapter", "Estimates", "Agree", "With two or more engines", "Differ", "Engines"), tuple(rows),
                 ("Published figures, and the points along control charts and learning curves, are not computed again and not counted.",), text_columns=(5,))  # fmt: skip


def _without(found: Verification, titles: Mapping[str, str]) -> Table | None:
    left = found.without_engine()
    if not len(left):
        return None
    left = left.assign(chapter=left["chapter"].map(lambda key: titles.get(key, key)))
    rows = []
    for why, own in left.groupby("why", sort=False):
        where = {str(chapter): [f"{row['quantity']}{_parts(row['which'])}" for row in part.to_dict("records")] for chapter, part in own.groupby("chapter", sort=False)}
        words = "; ".join(f"{chapter}: {', '.join(dict.fromkeys(name for name in names if name != '-')) or 'numbers along a chart'}" for chapter, names in where.items())
        rows.append((f"{str(why)[:1].upper()}{str(why)[1:]}", str(int(own["numbers"].sum())), words))
    return Table("no_second_engine", "What has no second engine, and why", ("Why", "Numbers", "Which"), tuple(rows),
                 ("Numbers: estimates, and the standard errors, limits, p-values and counts beside them.",), text_columns=(2,))  # fmt: skip


def _differing(found: Verification, titles: Mapping[str, str]) -> Table | None:
    own = found.differing
    if not len(own):
        return None
    rows = tuple((str(row["row"]), f"{titles.get(row['chapter'], row['chapter'])}: {', '.join(_place(row))}", _WORDS[row["number"]], f"{row['ours']:.10g}", f"{row['theirs']:.10g}",
                  _size(row["difference"]), row["engine"]) for row in own.to_dict("records"))  # fmt: skip
    return Table("differs", "Numbers that differ from a second engine's", ("Line of results.csv", "Which", "Number", "Report", "Engine's", "Difference", "Engine"), rows,
                 ("Difference: relative to max(|theirs|, 0.001). If results.csv or index.html was edited, make the report anew; otherwise tell the authors of haip_outcomes.",),
                 text_columns=(1, 2, 6))  # fmt: skip


def _failed(found: Verification, titles: Mapping[str, str]) -> Table | None:
    own = found.tidy()
    own = own[own["verdict"].str.startswith(FAILED)]
    if not len(own):
        return None
    told = own.assign(why=own["verdict"].str.removeprefix(f"{FAILED}: ")).groupby(["engine", "chapter", "quantity", "why"], sort=False, dropna=False)
    rows = tuple((row["engine"], f"{titles.get(row['chapter'], row['chapter'])}: {row['quantity']}", row["why"], str(row["size"]))
                 for row in told.size().reset_index(name="size").to_dict("records"))  # fmt: skip
    return Table("engine_failed", "Where an engine was asked and gave no answer", ("Engine", "What", "Its reason", "Numbers"), rows, text_columns=(1, 2))


def _parts(which: tuple[str, ...]) -> str:
    """Which numbers lack a second engine, where the estimate (or a test's statistic, or a count) itself has one."""
    names = set(which)
    if "estimate" in names or not names & {"conf_low", "conf_high", "std_error"}:
        return ""
    return " (limits only)" if names <= {"conf_low", "conf_high"} else f" ({', '.join(_WORDS[name] for name in which)} only)"


def _place(row: Mapping[object, object]) -> list[str]:
    names = [row[name] for name in ("setting", "analysis", "quantity", "outcome", "group", "term", "level")]
    time = row["time"]
    told = [str(name) for name in names if name is not None and not pd.isna(name) and name != ""]  # type: ignore[call-overload]
    return [*dict.fromkeys(told), *([f"at {time:g}"] if isinstance(time, float) and not math.isnan(time) else [])]


def _size(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1e}" if value else "0"

