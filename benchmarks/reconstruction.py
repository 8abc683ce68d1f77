"""How much a curve loses on its way through a figure: real patients, their Kaplan-Meier curve read again, and patients made of that.

    python benchmarks/reconstruction.py            writes benchmarks/RECONSTRUCTION.md (about a minute)
    python benchmarks/reconstruction.py --print    prints it

The data are those of R's survival package in tests/reference/data, and the public TCIA workbook of resected liver metastases when it is there
(HAIP_TCIA_WORKBOOK, or beside the project); without it its rows are missing and the page says so. Chance has a fixed seed.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import haip_outcomes as haip
from haip_outcomes.benchmark.curves.guyot import reconstruct_ipd

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DATA = ROOT / "tests" / "reference" / "data"
WORKBOOK = "Colorectal-Liver-Metastases-Clinical-data-October-2022.xlsx"
MONTH = 30.4375
LANDMARKS = (12.0, 24.0, 36.0)
STEP = 6.0  # months between the numbers at risk
SEED = 20120201

CLICKS = {
    "50 points": "50 evenly spaced points, 2 decimals",
    "100 points": "100 evenly spaced points, 2 decimals",
    "200 points": "200 evenly spaced points, 2 decimals",
    "steps": "both ends of every step, 2 decimals",
    "unsteady": "both ends of every step by an unsteady hand (standard deviation 0.004 in survival, at most 0.009, and 0.3% of the axis in time)",
}
GIVEN = {"risk table and events": (True, True), "risk table": (True, False), "n and events": (False, True), "n only": (False, False)}


@dataclass(frozen=True)
class Arm:
    """The patients behind one curve."""

    name: str
    time: np.ndarray
    dead: np.ndarray

    @property
    def tte(self) -> haip.TimeToEvent:
        """Their true times."""
        return times_of(self.time, self.dead)


def times_of(time: np.ndarray, dead: np.ndarray) -> haip.TimeToEvent:
    """Times and deaths as a TimeToEvent."""
    frame = pd.DataFrame({"time": time, "dead": np.asarray(dead, dtype=int)})
    return haip.TimeToEvent.from_frame(frame, time="time", state="dead", states=["Event"])


def pairs() -> Iterator[tuple[Arm, Arm]]:
    """Two curves of one figure, the first the reference."""

    def arm(data: str, frame: pd.DataFrame, by: str, level: object, time: str, event: str, unit: float, code: int | None = 1) -> Arm:
        part = frame[frame[by] == level]
        return Arm(f"{data}, {by} {level}", part[time].to_numpy() / unit, (part[event] == code if code is not None else part[event] > 0).to_numpy())

    for data, file, by, first, second, time, event, unit, code in (
        ("lung", "curves_lung", "sex", 1, 2, "time", "status", MONTH, 1),
        ("veteran", "curves_veteran", "trt", 1, 2, "time", "status", MONTH, 1),
        ("ovarian", "curves_ovarian", "rx", 1, 2, "futime", "fustat", MONTH, 1),
        ("colon", "curves_colon", "rx", "Obs", "Lev+5FU", "time", "status", MONTH, 1),
        ("colon", "curves_colon", "rx", "Obs", "Lev", "time", "status", MONTH, 1),
        ("pbc", "cox_pbc", "trt", 1, 2, "time", "dead", MONTH, 1),
        ("mgus2", "curves_mgus", "sex", "F", "M", "time", "state", 1.0, None),
        ("rotterdam", "curves_rotterdam", "hormon", 0, 1, "month", "state", 1.0, None),
    ):
        frame = pd.read_csv(DATA / f"{file}.csv")
        yield (arm(data, frame, by, first, time, event, unit, code), arm(data, frame, by, second, time, event, unit, code))


def tcia() -> tuple[Arm, Arm] | None:
    """Overall survival after resection, by chemotherapy before it; None where the workbook is not here."""
    for place in filter(None, [os.environ.get("HAIP_TCIA_WORKBOOK", ""), ROOT.parent / "shared" / "data" / "tcia-crlm" / WORKBOOK]):
        if Path(place).is_file():
            cohort = haip.read_cohort(Path(place), haip.load_plan(ROOT / "cohorts" / "tcia_crlm" / "plan.toml"))
            tte = cohort.endpoint("os")
            groups = cohort["chemo_before_liver_resection"].loc[tte.index].astype(str).to_numpy()
            levels = sorted(set(groups))[:2]
            first, second = (Arm(f"TCIA, chemotherapy before {level}", tte.time[groups == level], tte.state[groups == level] > 0) for level in levels)
            return first, second
    return None


def small(source: tuple[Arm, Arm], draws: int, size: int, rng: np.random.Generator) -> Iterator[tuple[Arm, Arm]]:
    """Random parts of two real arms, as large as a new programme's series."""
    for i in range(draws):
        chosen = [rng.choice(len(arm.time), size, replace=False) for arm in source]
        first, second = (Arm(f"{arm.name} ({size} of them, {i + 1})", arm.time[rows], arm.dead[rows]) for arm, rows in zip(source, chosen, strict=True))
        yield first, second


def clicked(arm: Arm, clicks: str, rng: np.random.Generator) -> np.ndarray:
    """The curve as somebody would read it from the figure."""
    end = float(arm.time.max())
    curve = haip.survival_curve(arm.tte)
    if clicks.endswith("points"):
        times = np.linspace(0, end, int(clicks.split()[0]))
        return np.c_[times, np.round(curve.at(times)["estimate"].to_numpy(), 2)]
    steps = curve.tidy()
    steps = steps[steps["n_event"] > 0]
    after = steps["estimate"].to_numpy()
    times = np.r_[0.0, np.repeat(steps["time"].to_numpy(), 2), end]
    survival = np.r_[1.0, np.repeat(after, 2), 0.0]
    survival[1:-1] = np.c_[np.r_[1.0, after[:-1]], after].ravel()
    survival[-1] = after[-1]
    if clicks == "steps":
        return np.c_[times, np.round(survival, 2)]
    moved = np.sort(np.r_[0.0, np.abs(times[1:] + rng.normal(0, 0.003 * end, len(times) - 1))])
    read = np.r_[1.0, np.clip(survival[1:] + rng.normal(0, 0.004, len(times) - 1).clip(-0.009, 0.009), 0, 1)]
    return np.c_[moved, np.round(read, 4)]


def recovered(arm: Arm, points: np.ndarray, given: str, events_at: str) -> haip.TimeToEvent:
    """The patients made from what was read."""
    table, total = GIVEN[given]
    at = np.arange(0, min(float(arm.time.max()), float(points[-1, 0])), STEP)
    at_risk = pd.DataFrame({"time": at, "n_risk": [int((arm.time >= t).sum()) for t in at]}) if table else len(arm.time)
    return reconstruct_ipd(points, at_risk, events=int(arm.dead.sum()) if total else None, events_at=events_at)  # type: ignore[arg-type]


def log_hazard_ratio(first: haip.TimeToEvent, second: haip.TimeToEvent) -> tuple[float, float]:
    """The Cox coefficient of the second against the first, and its standard error."""
    frame = pd.DataFrame({"time": np.r_[first.time, second.time], "dead": np.r_[first.state, second.state],
                          "second": np.r_[np.zeros(len(first)), np.ones(len(second))]})  # fmt: skip
    tte = haip.TimeToEvent.from_frame(frame, time="time", state="dead", states=["Event"])
    row = haip.cox(tte, haip.design(frame, ["second"])).tidy().iloc[0]
    return float(row["estimate"]), float(row["std_error"])


def errors(figures: list[tuple[Arm, Arm]], clicks: str, given: str, events_at: str) -> dict[str, float]:
    """What is off, over all curves and pairs of curves."""
    rng = np.random.default_rng(SEED)
    medians, unlike, landmarks, ratios, counts, hazards, hazard_errors, refused = [], 0, [], [], [], [], [], 0
    for pair in figures:
        found = []
        for arm in pair:
            try:
                made = recovered(arm, clicked(arm, clicks, rng), given, events_at)
            except haip.EndpointError:
                refused += 1
                continue
            found.append(made)
            true, curve = haip.survival_curve(arm.tte), haip.survival_curve(made)
            here, there = float(true.median()["estimate"].iloc[0]), float(curve.median()["estimate"].iloc[0])
            if np.isnan(here) != np.isnan(there):
                unlike += 1
            elif not np.isnan(here):
                medians.append(100 * (there / here - 1))
            at = [t for t in LANDMARKS if (arm.time >= t).sum() >= 5]
            if at:
                a, b = true.at(at), curve.at(at)
                landmarks += list(100 * (b["estimate"] - a["estimate"]))
                ok = (a["std_error"] > 0) & (b["std_error"] > 0)
                ratios += list(b["std_error"][ok] / a["std_error"][ok])
            counts.append(100 * (made.counts["Event"] / arm.dead.sum() - 1))
        if len(found) == 2:
            (b0, s0), (b1, s1) = log_hazard_ratio(pair[0].tte, pair[1].tte), log_hazard_ratio(found[0], found[1])
            hazards.append(100 * (np.exp(b1 - b0) - 1))
            hazard_errors.append(s1 / s0)
    return {
        "median, mean": np.mean(np.abs(medians)), "median, worst": np.max(np.abs(medians)), "unlike": unlike,
        "landmark, mean": np.mean(np.abs(landmarks)), "landmark, bias": np.mean(landmarks), "landmark, worst": np.max(np.abs(landmarks)),
        "its SE": np.mean(ratios), "events": np.mean(counts), "HR, mean": np.mean(np.abs(hazards)), "HR, worst": np.max(np.abs(hazards)),
        "SE of log HR": np.mean(hazard_errors), "refused": refused,
    }  # fmt: skip


def table(figures: list[tuple[Arm, Arm]], rows: list[tuple[str, str, str]]) -> list[str]:
    """A line a way of reading, with the errors it leaves."""
    lines = ["| clicked | given | events booked at | median: mean, worst % off | reached in one only | S at 12, 24, 36 months: mean off (bias), worst, points | its SE, found/true | "
             "events % off | HR: mean, worst % off | SE of log HR, found/true |", "|---|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for clicks, given, events_at in rows:
        e = errors(figures, clicks, given, events_at)
        assert not e["refused"], (clicks, given, e["refused"])
        lines.append(f"| {clicks} | {given} | {events_at} | {e['median, mean']:.1f}, {e['median, worst']:.1f} | {e['unlike']:.0f} | "
                     f"{e['landmark, mean']:.1f} ({e['landmark, bias']:+.1f}), {e['landmark, worst']:.1f} | {e['its SE']:.2f} | {e['events']:+.1f} | "
                     f"{e['HR, mean']:.1f}, {e['HR, worst']:.1f} | {e['SE of log HR']:.2f} |")  # fmt: skip
    return lines


def page() -> str:
    """The whole page."""
    warnings.simplefilter("ignore", UserWarning)
    rng = np.random.default_rng(SEED)
    public, resected = list(pairs()), tcia()
    whole = [*public, *([resected] if resected else [])]
    colon = next(pair for pair in public if pair[1].name.endswith("Lev+5FU"))
    few = [*small(colon, 20, 30, rng), *(small(resected, 20, 30, rng) if resected else [])]
    sizes = sorted(len(arm.time) for pair in whole for arm in pair)
    rows = [(clicks, given, "point") for given in GIVEN for clicks in CLICKS]
    middle = [(clicks, given, "midpoint") for given in list(GIVEN)[:3] for clicks in list(CLICKS)[:3]]
    without = "" if resected else " **The TCIA workbook was not here: its curves are missing from both tables.**"
    names = ", ".join(dict.fromkeys(arm.name.split(",")[0] for pair in whole for arm in pair))
    return "\n".join([
        "# What a curve loses on its way through a figure", "",
        "Written by `python benchmarks/reconstruction.py`; do not edit. Real patients' Kaplan-Meier curves were read again as a person would click on them, "
        "patients were reconstructed (`reconstruct_ipd`), and both were analysed alike.", "",
        *(f"- **{name}**: {words}" for name, words in CLICKS.items()),
        f"- **risk table**: numbers at risk every {STEP:g} months. **events**: the total. **n**: the number of patients alone.",
        "- **midpoint**: an event is booked half-way between the point where the curve was read lower and the one before.", "",
        "A number printed in the source is better than one reconstructed. \"n only\" takes everybody for followed to the end: compare its events and standard errors.", "",
        f"## Whole curves: {2 * len(whole)} curves of {sizes[0]} to {sizes[-1]} patients ({names})", "",
        f"{len(whole)} pairs for the hazard ratios.{without}", "",
        *table(whole, rows + middle), "",
        f"## Small series: {2 * len(few)} curves of 30 patients, drawn from the arms of {'colon and TCIA' if resected else 'colon'}", "",
        *table(few, [row for row in rows + middle if row[0] in ("100 points", "steps", "unsteady")]), "",
    ])  # fmt: skip


def main() -> None:
    """Write the page, or print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--print", action="store_true", help="print the page and write nothing")
    given = parser.parse_args()
    text = page()
    if given.print:
        print(text)
    else:
        (HERE / "RECONSTRUCTION.md").write_text(text, encoding="utf-8")
        print(HERE / "RECONSTRUCTION.md")


if __name__ == "__main__":
    main()
