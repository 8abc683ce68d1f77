"""COVERAGE.md and coverage.csv from the rows: the liberal ones first, each with the size at which it recovers; then every table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

_HEAD = """# Coverage and false alarms

Made by `benchmarks/coverage.py` with the package's own functions and fixed seeds; every number with its Monte Carlo error, its misses on either side
and the share without an interval is in [coverage.csv](coverage.csv). {sections} sections, {seconds} seconds on one core.

- **Coverage**: of 95% intervals, how many hold the truth. **False alarms**: of centres exactly as good as the source, how many are called worse or
  better (nominal 5%; "clearly": 0.2%). **Signals**: of centres worse by exactly the margin, how many are called "on a par" (nominal 2.5%).
- A method that promises its level (marked *exact*) must be at least nominal; the others are *within 2 points*, *conservative*, or **liberal** and named here.
- Survival times are exponential, censoring is uniform and independent, centres are independent: no guarantee for 20 patients with informative censoring.
- `n` is the number of patients, except for the prediction intervals, where it is the number of sources. 0 replicates: by enumeration, without chance.
"""
# Not what the package judges by: offered on request, or here to show why it is not used.
_BESIDE = ("curve-based, plain", "curve-based, log", "plain", "log", "Wilson on the effective size", "mid-p", "taken as known (never done by `compare`)",
           "both by standard error (never done by `compare`)", "median ± 1.96 standard errors", "log-log, cmprsk's variance", "Wu, curve taken as known",
           "Breslow, known curve", "exact Poisson, known curve")  # fmt: skip
_BESIDE_ENDS = (", Higgins", ", Hartung-Knapp", ", Hartung-Knapp (metafor)")
_WIDE = ["section", "quantity", "method", "scenario"]


def write(found: pd.DataFrame, order: list[str], folder: Path) -> None:
    """Both files; sections that were not run stay in the csv as they are."""
    path = folder / "coverage.csv"
    if path.is_file():
        before = read(path)
        found = pd.concat([before[~before["part"].isin(found["part"])], found], ignore_index=True)
    found = found.assign(place=found["part"].map(order.index)).sort_values("place", kind="stable").drop(columns="place")
    found.to_csv(path, index=False, float_format="%.6g")
    (folder / "COVERAGE.md").write_text(page(read(path)), encoding="utf-8")


def read(path: Path) -> pd.DataFrame:
    """The rows as they stand in coverage.csv."""
    return pd.read_csv(path).assign(word=lambda one: one["word"].fillna(""))


def page(found: pd.DataFrame) -> str:
    """COVERAGE.md."""
    seconds = int(found.groupby("part")["seconds"].first().sum())
    head = _HEAD.format(sections=found["part"].nunique(), seconds=f"{seconds:,}")
    return f"{head}\n{liberal(found)}\n{tables(found)}"


def recovery(rows: pd.DataFrame) -> str:
    """The smallest size from which none is liberal: "100", "not by 100", or "" where none is."""
    rows = rows.sort_values("n")
    bad = rows["word"].str.lower() == "liberal"
    if not bad.any():
        return ""
    last = rows.loc[bad, "n"].max()
    after = rows.loc[rows["n"] > last, "n"]
    return str(int(after.min())) if len(after) else f"not by {int(last)}"


def liberal(found: pd.DataFrame) -> str:
    """The methods that promise more than they keep, with the size at which they recover."""
    judged, beside = [], []
    for (section, quantity, method, scenario), rows in found.groupby(_WIDE, sort=False):
        size = recovery(rows)
        if not size:
            continue
        bad = rows[rows["word"].str.lower() == "liberal"]
        worst = bad["found"].min() if quantity == "coverage" else bad["found"].max()
        first = rows.sort_values("n").iloc[0]
        into = beside if method in _BESIDE or method.endswith(_BESIDE_ENDS) else judged
        into.append(f"| {section} | {quantity} | {method} | {scenario} | {_percent(first['found'])} at {first['n']} | {_percent(worst)} | {_percent(first['nominal'])} | {size} |")
    head = ["| section | what | method | scenario | at the smallest size | worst | nominal | recovers at |", "|---|---|---|---|---|---|---|---|"]
    lines = ["## Liberal, and used", "", *head, *judged, "", "## Liberal, and not judged by", "",
             "Given on request or shown beside another, or here to show why it is not done.", "", *head, *beside]  # fmt: skip
    exact = found[found["exact_method"].astype(bool)]
    kept = int((exact["word"] == "at least nominal").sum())
    lines += ["", f"Exact methods: {kept} of {len(exact)} rows at least nominal."]
    words = found.loc[~found["exact_method"].astype(bool) & (found["word"] != ""), "word"]
    within, conservative, bad_count = words.str.startswith("within").sum(), (words == "conservative").sum(), (words.str.lower() == "liberal").sum()
    lines += [f"Asymptotic ones: {within} of {len(words)} rows within their points, {conservative} conservative, {bad_count} liberal (above).", ""]
    return "\n".join(lines)


def tables(found: pd.DataFrame) -> str:
    """A table a section: a row a method and scenario, a column a size; (misses: truth below, truth above) stand in the csv."""
    lines = []
    for section, rows in found.groupby("section", sort=False):
        sizes = sorted(rows["n"].unique())
        many = sorted(set(rows["replicates"]))
        lines += [f"## {str(section).capitalize()}", "", f"Replicates: {_span(many)}.", "",
                  "| what | method | scenario | " + " | ".join(f"n = {n}" for n in sizes) + " | nominal | word |",
                  "|---|---|---|" + "---|" * len(sizes) + "---|---|"]  # fmt: skip
        for (_, quantity, method, scenario), group in rows.groupby(_WIDE, sort=False):
            at = group.set_index("n")["found"]
            cells = [_percent(at[n], quantity) if n in at.index else "" for n in sizes]
            cells = [f"**{cell}**" if n in at.index and str(group.set_index("n")["word"][n]).lower() == "liberal" else cell for n, cell in zip(sizes, cells, strict=True)]
            words = list(dict.fromkeys(str(word) for word in group["word"] if str(word) not in ("", "nan")))
            exact = " (exact)" if group["exact_method"].astype(bool).any() else ""
            nominal = "" if pd.isna(group["nominal"].iloc[0]) else _percent(group["nominal"].iloc[0], quantity)
            lines.append(f"| {quantity} | {method}{exact} | {scenario} | {' | '.join(cells)} | {nominal} | {', '.join(words)} |")
        lines.append("")
    return "\n".join(lines)


def _span(many: list[int]) -> str:
    words = ["enumeration" if one == 0 else f"{one:,}" for one in many]
    return words[0] if len(words) == 1 else f"{words[0]} to {words[-1]}"


def _percent(value: float, quantity: str = "") -> str:
    return f"{100 * value:.2f}%" if quantity == "clear alarms" else f"{100 * value:.1f}%"
