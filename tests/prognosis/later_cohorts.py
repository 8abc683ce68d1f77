"""The cohorts of tests/reference/later.R, from their dates, as the package reads a centre's file."""

import json
from pathlib import Path

import pandas as pd

from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.plan import make_plan

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
EXPECTED = json.loads((REFERENCE / "later.json").read_text(encoding="utf-8"))


def _cohort(plan, frame):
    plan = make_plan({"cohort": {"name": "R", "id": "key", "setting": {"value": "unresectable"}}, **plan})
    frame = frame.assign(setting="unresectable").set_index(pd.Index(range(2, len(frame) + 2), name="row"))
    return Cohort(plan, frame, Source("r.csv", "", len(frame)))


def _yes(dates):
    return pd.Categorical(dates.notna().map({True: "Yes", False: "No"}), categories=["No", "Yes"])


def heart(*, shipped=False):
    """The Stanford programme (jasa); `shipped` as survival's `heart`: a day is added to all times, and who died on the day of the transplant had it before."""
    dates = ["accept", "transplanted", "last", "entered"]
    frame = pd.read_csv(REFERENCE / "data" / "later_heart.csv", parse_dates=dates)
    if shipped:
        frame["transplanted"] = frame["transplanted"].where(frame["transplanted"] != frame["last"], frame["transplanted"] - pd.Timedelta(days=1))
        frame["accept"] -= pd.Timedelta(days=1)
    frame["death"] = frame["last"].where(frame["dead"] == 1)
    frame["transplant"] = _yes(frame["transplanted"])
    frame["age"], frame["surgery"] = frame["age"].astype(float), frame["surgery"].astype(float)
    known = {"age": {"kind": "number", "known": "baseline"}, "surgery": {"kind": "number", "known": "baseline"}}
    os = {"label": "Overall survival", "start": "accept", "last_seen": "last", "events": {"Death": "death"}}
    return _cohort({
        "columns": {**{name: {"kind": "date"} for name in (*dates, "death")}, **known,
                    "transplant": {"label": "Transplant", "levels": {"0": "No", "1": "Yes"}, "known": "transplanted", "before": "No"}},
        "endpoints": {"os": os, "late": {**os, "label": "Overall survival from entry", "entry": "entered"}},
    }, frame)  # fmt: skip


def pbc():
    """The Mayo trial in primary biliary cirrhosis (pbcseq): ascites and spider naevi from the first visit that saw them."""
    dates = ["ascites", "spiders", "bili_day", "start", "last"]
    frame = pd.read_csv(REFERENCE / "data" / "later_pbc.csv", parse_dates=dates)
    for k, name in ((1, "transplanted"), (2, "death")):
        frame[name] = frame["last"].where(frame["status"] == k)
    frame["has_ascites"], frame["has_spiders"] = _yes(frame["ascites"]), _yes(frame["spiders"])
    frame["sex"] = pd.Categorical(frame["sex"].map({"f": "Female", "m": "Male"}), categories=["Female", "Male"])
    yes = {"levels": {"0": "No", "1": "Yes"}}
    return _cohort({
        "columns": {**{name: {"kind": "date"} for name in (*dates, "death", "transplanted")},
                    "has_ascites": {"label": "Ascites", **yes, "known": "ascites"}, "has_spiders": {"label": "Spiders", **yes, "known": "spiders"},
                    "bili": {"label": "Bilirubin at the second visit", "kind": "number", "known": "bili_day"}, "age": {"kind": "number", "known": "baseline"},
                    "sex": {"label": "Sex", "levels": {"f": "Female", "m": "Male"}, "known": "baseline"}},
        "endpoints": {"end": {"label": "Death or transplant", "start": "start", "last_seen": "last",
                              "events": {"Transplant": "transplanted", "Death": "death"}}},
    }, frame)  # fmt: skip
