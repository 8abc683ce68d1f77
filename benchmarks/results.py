"""From what the processes said to a table: medians, ratios, and how far everyone's numbers are from R's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from processes import Measured
from tasks import Contestant, Setting, Task

AGREES = 1e-3  # a peer whose estimates are further from the reference is fast at something else


@dataclass(frozen=True)
class Result:
    """What one contestant did with one data set."""

    task: Task
    setting: Setting
    contestant: Contestant
    measured: Measured

    @property
    def seconds(self) -> float:
        """The median; NaN when there is no number."""
        return float(np.median(self.measured.wall)) if self.measured.status == "ok" else float("nan")


def table(results: list[Result]) -> pd.DataFrame:
    """A row a contestant and data set: what results.csv holds."""
    rows = [_row(one) for one in results]
    frame = pd.DataFrame(rows)
    if not len(frame):
        return frame
    parts = []
    for _, part in frame.groupby(["task", "kind", "n", "p"], sort=False):
        chosen = [_reference(part, like) for like in part["like"]]
        part["differs_from"] = [part.loc[one, "label"] if one is not None else "" for one in chosen]
        for name in ("estimate", "std_error", "statistic", "conf_low"):
            part[f"differs_{name}"] = [_difference(numbers.get(name), part.loc[one, "numbers"].get(name)) if one is not None else np.nan
                                       for numbers, one in zip(part["numbers"], chosen, strict=True)]  # fmt: skip
        far = part[["differs_estimate", "differs_statistic"]].max(axis=1)
        part["agrees"] = ~(far > AGREES)
        r = part.loc[part["is_r"], "median"]
        peers = part.loc[~part["ours"] & part["agrees"]]
        python = peers.loc[~peers["is_r"]]
        part["ratio_to_r"] = part["median"] / (r.iloc[0] if len(r) else np.nan)
        part["r_over"] = bool((part["is_r"] & (part["status"] == "over 60 s")).any()) and not r.notna().any()
        part["ratio_to_fastest_python_peer"] = part["median"] / python["median"].min()
        part["ratio_to_fastest_peer"] = part["median"] / peers["median"].min()
        memory = part.loc[part["is_r"], "peak_mb"]
        part["memory_ratio_to_r"] = part["peak_mb"] / (memory.iloc[0] if len(memory) and memory.iloc[0] >= 5 else np.nan)
        parts.append(part)
    return pd.concat(parts).drop(columns="numbers").reset_index(drop=True)


def _row(one: Result) -> dict:
    wall, cpu = np.array(one.measured.wall), np.array(one.measured.cpu)
    finished = one.measured.status == "ok"
    spread = np.quantile(wall, (0.25, 0.5, 0.75)) if finished else [np.nan] * 3
    return {
        "task": one.task.name, "kind": one.setting.kind, "n": one.setting.n, "p": one.setting.p, "label": one.contestant.label,
        "like": one.contestant.like, "ours": one.contestant.ours, "is_r": one.contestant.is_r, "status": one.measured.status, "median": spread[1],
        "quartile_1": spread[0], "quartile_3": spread[2], "fastest": wall.min() if finished else np.nan,
        "slowest": wall.max() if finished else np.nan, "repeats": len(wall) if finished else 0,
        "cpu_median": np.median(cpu) if finished else np.nan, "peak_mb": one.measured.peak if finished else np.nan,
        "note": one.contestant.note, "said": one.measured.said, "numbers": one.measured.numbers if finished else {},
    }  # fmt: skip


def _reference(part: pd.DataFrame, like: str) -> int | None:
    """The row that one is compared with: the first that finished of R's of its convention, of ours of it, of R's, of ours."""
    finished = part["numbers"].map(bool)
    for chosen in (part["is_r"] & (part["like"] == like), part["ours"] & (part["like"] == like), part["is_r"], part["ours"]):
        if (chosen & finished).any():
            return int(part.index[chosen & finished][0])
    return None


def _difference(mine: list[float] | None, reference: list[float] | None) -> float:
    """The largest relative difference, relative to max(|reference|, 0.001)."""
    if mine is None or reference is None or len(mine) != len(reference):
        return float("nan")
    a, b = np.asarray(mine), np.asarray(reference)
    both = ~(np.isnan(a) & np.isnan(b))
    if np.isnan(a[both]).any() or np.isnan(b[both]).any():
        return float("inf")
    return float(np.max(np.abs(a - b)[both] / np.maximum(np.abs(b[both]), 1e-3), initial=0.0))
