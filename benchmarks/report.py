"""RESULTS.md and results.csv, and the short table that a part of the run prints."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import tasks
from environments import machine, versions
from processes import MEMORY_GB, MINUTE
from results import AGREES
from tasks import SIZES, TARGETS, TASKS, Task

_HOW = f"""## How it was measured

- One core, one thread (every library told so and the process pinned). Each engine, task and data set in a process of its own, which has
  loaded its library and its patients; the call first runs on 300 of them, so that what has to be compiled is compiled or read from disk.
  Median of the repeats (3 to 50; one where a peer's call takes over 1 to 2.5 s, or R's over 10), in brackets the quartiles.
- The clock runs from a data frame or arrays in memory to the estimate with its standard error. *haip_outcomes* is everything from the frame:
  `TimeToEvent.from_frame`, `design` and the estimator, with no object kept from one repeat to the next; *estimator alone* is the last of the
  three on fresh objects. Targets are judged on the first. R's formulas and other packages' `Surv` objects are within the clock likewise.
- Memory: the highest resident memory of the process during the first call, less what was resident before it (Linux's VmHWM, set back to the
  resident size just before), so data and libraries do not count.
- A call over a minute is stopped; with more patients it is not started again, nor is one whose growth promises more than 75 s (both marked *).
  A process may take {MEMORY_GB:.0f} GB: beyond, it is out of memory.
- "To R" is the time over that of the first R row. "To the fastest peer" is the time over the best Python package whose estimates are within
  {AGREES:g} of R's. "Differs" is the largest difference relative to max(|R|, 0.001), from R at its default convergence (from ours where R did
  not finish), of the coefficients, the test statistic, or the curves of all causes at 7 times; SE of their standard errors, limit of the lower
  confidence limit. It is taken from the R row of the same convention (finegray's, the infinitesimal jackknife), else from the first.
  haip_outcomes and R's survival take times that differ by less than 1.5e-8 for one time, cmprsk and most packages do not: with 10^6 continuous
  times that makes 1e-9 to 1e-7. In the bootstrap and the validation haip_outcomes draws its own samples, all others the same; imputations
  differ by chance. Of the validation "differs" is the largest difference of the optimism of C, Brier score and slope, a mean over the resamples. The validation
  with two processes is the one measurement that leaves its core; it starts its worker processes anew, within the clock.
- The patients are made with a fixed seed: `patients.py`. *tied*: whole days over ten years. *continuous*: no ties. *months*: whole months.
  The marker and the covariates are continuous or 0/1. About 44% are censored. fastcmprsk is not among R's packages in Debian. For imputation a fifth of each
  covariate is missing.
"""


def write(frame: pd.DataFrame, begun: pd.DataFrame, minutes: float, folder: Path) -> None:
    """Both files."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = ["# Speed and memory, beside R and the Python packages\n",
             f"Made by `make bench` in one run of {minutes:.0f} minutes on {machine()}. What is measured and how: at the end.\n", _quiet(frame),
             "## Targets\n", _targets(frame),
             *(_large(task, frame) for task in TASKS if task.large), *(_small(task, frame) for task in TASKS if not task.large),
             "## Starting: a fresh process, from its start to its end\n", _started(begun), _growth(frame), _HOW,
             "## Versions\n", ", ".join(f"{name} {number}" for name, number in versions().items()) + ".\n"]  # fmt: skip
    (folder / "RESULTS.md").write_text("\n".join(parts))
    whole = pd.concat([frame, begun.assign(task="startup", status="ok").rename(columns={"what": "kind"})])
    whole.drop(columns=["ours", "is_r", "agrees", "like", "r_over"], errors="ignore").to_csv(folder / "results.csv", index=False, float_format="%.6g")


def _quiet(frame: pd.DataFrame) -> str:
    """Whether the machine had anything else to do."""
    some = frame[(frame["status"] == "ok") & (frame["median"] > 0.01)]
    waited = 1 - (some["cpu_median"] / some["median"]).clip(upper=1)
    return (f"Of the time on the clock the process waited for its core {waited.median():.0%} in the median and {waited.quantile(0.95):.0%} or more "
            "in a twentieth of the measurements: other work on the machine slows everyone.\n")  # fmt: skip


def plain(frame: pd.DataFrame, begun: pd.DataFrame) -> str:
    """For the terminal: the same tables."""
    there = set(frame["task"]) if len(frame) else set()
    parts = [_targets(frame) if len(frame) else ""]
    parts += [(_large if task.large else _small)(task, frame) for task in TASKS if task.name in there]
    return "\n".join([*parts, _started(begun) if len(begun) else ""])


def seconds(value: float) -> str:
    """Three figures and a unit."""
    if math.isnan(value):
        return "-"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size or unit == "ms":
            return f"{_figures(value / size)} {unit}"
    raise AssertionError


def _ratio(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def _to_r(row: pd.Series) -> str:
    if math.isnan(row["ratio_to_r"]) and row["r_over"] and row["status"] == "ok":
        return "under " + _ratio(row["median"] / MINUTE)
    return _ratio(row["ratio_to_r"])


def _apart(value: float) -> str:
    return "" if math.isnan(value) else "not a number" if math.isinf(value) else "0" if value == 0 else f"{value:.0e}"


def _megabytes(value: float) -> str:
    return "-" if math.isnan(value) else f"{max(value, 0):,.0f} MB"


def _differences(row: pd.Series) -> str:
    words = {"estimate": "", "std_error": "SE ", "statistic": "", "conf_low": "limit "}
    if row["std_error_only"]:
        words = {"std_error": "SE "}
    found = [words[name] + _apart(row[f"differs_{name}"]) for name in words if not math.isnan(row[f"differs_{name}"])]
    return ", ".join(found)


def _cell(row: pd.Series) -> str:
    if row["status"] != "ok":
        return row["status"] + ("*" if str(row["said"]).startswith("not started") else "")
    return f"{seconds(row['median'])} ({_span(row)})" if row["repeats"] > 1 else seconds(row["median"])


def _span(row: pd.Series) -> str:
    unit = 1.0 if row["median"] >= 1 else 1e-3
    return f"{_figures(row['quartile_1'] / unit)} to {_figures(row['quartile_3'] / unit)}"


def _figures(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def _lines(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def _large(task: Task, frame: pd.DataFrame) -> str:
    parts = [f"## {task.title}\n"]
    mine = frame[frame["task"] == task.name].assign(std_error_only=False)
    for kind in ("tied", "continuous"):
        some = mine[mine["kind"] == kind]
        if not len(some):
            continue
        sizes = sorted(some["n"].unique())
        largest = some[some["n"] == sizes[-1]].set_index("label")
        rows = []
        for label in largest.index:
            times = some[some["label"] == label].set_index("n")
            last = largest.loc[label]
            if (times["status"] == "not available").all():
                rows.append([label, *["not there yet"] * len(sizes), "", "", "", "", "", last["note"]])
                continue
            compared = times[times["status"] == "ok"]
            apart = _differences(compared.iloc[-1]) if len(compared) else ""
            if len(compared) and compared.index[-1] != sizes[-1] and apart:
                apart += f" at {_power(compared.index[-1])}"
            if len(compared) and apart and compared["differs_from"].iloc[-1].startswith(tasks.ALL):
                apart += " from ours" if not last["ours"] else ""
            rows.append([label, *(seconds(times.loc[n, "median"]) if n != sizes[-1] and times.loc[n, "status"] == "ok" else _cell(times.loc[n])
                                  for n in sizes), _megabytes(last["peak_mb"]), _to_r(last),
                         _ratio(last["ratio_to_fastest_python_peer"]), _ratio(last["memory_ratio_to_r"]), apart, last["note"]])  # fmt: skip
        parts += [f"### {task.title.split(',')[0]}, {kind} times\n",
                  _lines(["", *(_power(n) for n in sizes), "memory", "time to R", "time to the fastest peer", "memory to R", "differs", ""], rows)]  # fmt: skip
    return "\n".join(parts)


def _power(n: int) -> str:
    return f"10^{round(math.log10(n))}" if n in SIZES else f"{n:,}"


def _small(task: Task, frame: pd.DataFrame) -> str:
    mine = frame[frame["task"] == task.name].assign(std_error_only=task.name == "bootstrap")
    settings = list(dict.fromkeys(zip(mine["n"], mine["p"], strict=True)))
    rows = []
    for label in dict.fromkeys(mine["label"]):
        times = mine[mine["label"] == label].set_index(["n", "p"])
        note = times.iloc[0]["note"]
        if (times["status"] == "not available").all():
            rows.append([label, *["not there yet"] * len(settings), "", "", note])
            continue
        apart = _differences(times[[*(name for name in times if name.startswith("differs_")), "std_error_only"]].max())
        theirs = [name for name in times["differs_from"] if name]
        if apart and theirs and theirs[0].startswith(tasks.ALL) and not times["ours"].any():
            apart += " from ours"
        cells = [f"{_cell(times.loc[key])}" for key in settings]
        ratios = [_ratio(times.loc[key, "ratio_to_r"]) for key in settings]
        rows.append([label, *cells, " / ".join(ratios), apart, note])
    head = ["", *(f"{n:,} patients, {p} covariates" for n, p in settings), "time to R", "differs", ""]
    return f"## {task.title}\n\n" + _lines(head, rows)


def _started(begun: pd.DataFrame) -> str:
    rows = [[row.what, row.label, f"{row.median:.2f} s" if not row.said else f"failed: {row.said}", f"{row.fastest:.2f} to {row.slowest:.2f}"]
            for row in begun.itertuples()]  # fmt: skip
    return _lines(["", "", "median", "range"], rows)


def _targets(frame: pd.DataFrame) -> str:
    """Ours over theirs, of every target whose both sides were measured."""
    rows = []
    for target in TARGETS:
        task = next(one for one in TASKS if one.name == target.task)
        some = frame[(frame["task"] == target.task) & (frame["n"] == target.n) & (frame["p"] == target.p)]
        for kind in dict.fromkeys(some["kind"]):
            part = some[some["kind"] == kind]
            ours = part.loc[part["label"] == tasks.ALL, "median"]
            if target.beside in ("peer", "Python peer"):
                peers = part[~part["ours"] & part["agrees"] & (~part["is_r"] if target.beside == "Python peer" else True)]
                peers = peers[peers["median"].notna()].sort_values("median")
            else:
                peers = part[part["label"] == target.beside]
            who = peers["label"].iloc[0] if len(peers) else target.beside
            stopped = len(peers) and peers["status"].iloc[0] == "over 60 s"
            theirs = MINUTE if stopped else peers["median"].iloc[0] if len(peers) else np.nan
            mine = ours.iloc[0] if len(ours) else np.nan
            if target.beside == tasks.CLOCK:
                rows.append([task.title, f"{target.n:,}, {target.p} covariates", kind, target.beside, seconds(mine), "", "", f"{target.most:g} s",
                             _yes(mine, target.most)])  # fmt: skip
                continue
            ratio = mine / theirs
            fastest = "the fastest, " if target.beside == "peer" else "the fastest in Python, " if target.beside == "Python peer" else ""
            rows.append([task.title, f"{target.n:,}" + (f", {target.p} covariates" if not task.large else ""), kind, f"{fastest}{who}",
                         seconds(mine), ("over " if stopped else "") + seconds(theirs), ("under " if stopped else "") + _ratio(ratio),
                         f"{target.most:.3g}", _yes(ratio, target.most)])  # fmt: skip
    rows += _memory_targets(frame) + _growth_targets(frame)
    return _lines(["task", "patients", "times", "beside", "ours", "theirs", "ratio", "at most", "reached"], rows)


def _yes(value: float, most: float) -> str:
    return "not measured" if math.isnan(value) else "yes" if value <= most else "**no**"


def _memory_targets(frame: pd.DataFrame) -> list[list[str]]:
    rows = []
    for (task, kind), part in frame[frame["n"] == SIZES[-1]].groupby(["task", "kind"], sort=False):
        title = next(one.title for one in TASKS if one.name == task)
        ours, r = part[part["label"] == tasks.ALL], part[part["is_r"] & part["peak_mb"].notna()]
        if len(ours) and len(r):
            rows.append([f"{title}: memory", f"{SIZES[-1]:,}", kind, r["label"].iloc[0], _megabytes(ours["peak_mb"].iloc[0]), _megabytes(r["peak_mb"].iloc[0]),
                         _ratio(ours["peak_mb"].iloc[0] / r["peak_mb"].iloc[0]), f"{tasks.MEMORY_MOST:g}",
                         _yes(ours["peak_mb"].iloc[0] / r["peak_mb"].iloc[0], tasks.MEMORY_MOST)])  # fmt: skip
    return rows


def _growth_targets(frame: pd.DataFrame) -> list[list[str]]:
    rows = []
    for (task, kind), part in frame[frame["label"] == tasks.ALL].groupby(["task", "kind"], sort=False):
        title = next(one.title for one in TASKS if one.name == task)
        times = part.set_index("n")["median"]
        if {SIZES[-1], SIZES[-2]} <= set(times.index):
            grown = times[SIZES[-1]] / times[SIZES[-2]]
            rows.append([f"{title}: growth", f"{SIZES[-2]:,} to {SIZES[-1]:,}", kind, "n log n", seconds(times[SIZES[-1]]), seconds(times[SIZES[-2]]),
                         _ratio(grown), f"{tasks.GROWTH_MOST:g}", _yes(grown, tasks.GROWTH_MOST)])  # fmt: skip
    return rows


def _growth(frame: pd.DataFrame) -> str:
    """Ours at each size over that at a tenth of it."""
    rows = []
    for (task, kind), part in frame[frame["label"] == tasks.ALL].groupby(["task", "kind"], sort=False):
        times = part.set_index("n")["median"]
        if not set(SIZES) <= set(times.index) or times.isna().all():
            continue
        title = next(one.title for one in TASKS if one.name == task)
        rows.append([title, kind, *(_ratio(times[n] / times[n // 10]) for n in SIZES[1:])])
    expected = [f"{10 * math.log(n) / math.log(n / 10):.1f}" for n in SIZES[1:]]
    return "## Growth: our time over that with a tenth of the patients\n\n" + _lines(
        ["", "times", *(_power(n) for n in SIZES[1:])], [["n log n", "", *expected], *rows])  # fmt: skip
