"""Curves and incidences of nine more data sets, and what R answers in the edge cases: datasets.R."""

import math

import numpy as np
import pandas as pd
import pytest
from curves_reference import assert_close, data, hand, reference, times

from haip_outcomes.survival.curves.aalen_johansen import cumulative_incidence
from haip_outcomes.survival.curves.kaplan_meier import follow_up, survival_curve

JACKKNIFE = "infinitesimal-jackknife"
KINDS = ("plain", "log", "log-log", "logit", "arcsine")
NAMES = {"pbc": ("Transplant", "Death"), "transplant": ("Death", "Transplant", "Withdrawal"),
         "myeloid": ("Response", "Transplant", "Death"), "rotterdam": ("Recurrence", "Death"),
         "flchain": ("Circulatory", "Neoplasm", "Respiratory", "Other")}  # fmt: skip


def fraction(n: int) -> np.ndarray:
    return np.resize([0.7, 1.9, 1.2, 0.35, 2.4, 1], n)


def competing(name: str, time: str, **more):
    frame = data(name)
    return times(frame, time, "state", *NAMES[name], **more)


def any_of(name: str, time: str, **more):
    return competing(name, time, **more).any_event("Any")


def cut_pbc(frame: pd.DataFrame) -> pd.DataFrame:
    """Each patient in up to four rows, cut on days 300, 1000 and 2000."""
    rows = []
    for patient, row in enumerate(frame.to_dict("records")):
        ends = [end for end in (300, 1000, 2000) if end < row["time"]] + [row["time"]]
        for begin, end in zip([0, *ends[:-1]], ends, strict=True):
            rows.append({**row, "id": patient, "begin": begin, "time": end, "state": row["state"] if end == row["time"] else 0})
    return pd.DataFrame(rows)


def curves():
    veteran, ovarian, aml, pbc, rotterdam = (data(name) for name in ("veteran", "ovarian", "aml", "pbc", "rotterdam"))
    for kind in KINDS:
        theirs = kind.replace("arcsine", "arcsin")
        yield f"aml, {theirs}", lambda c=kind: survival_curve(times(aml, "time", "status"), aml["arm"], conf_type=c)
        yield f"veteran, {theirs}", lambda c=kind: survival_curve(times(veteran, "time", "status"), veteran["celltype"], conf_type=c)
        yield f"ovarian, {theirs}", lambda c=kind: survival_curve(times(ovarian, "futime", "fustat"), ovarian["rx"], conf_type=c)
        yield f"transplant months, {theirs}", lambda c=kind: survival_curve(any_of("transplant", "month"), data("transplant")["abo"], conf_type=c)
        yield f"rotterdam, {theirs}", lambda c=kind: survival_curve(any_of("rotterdam", "month"), rotterdam["size"], conf_type=c)
    yield "transplant days", lambda: survival_curve(any_of("transplant", "time"))
    yield "pbc by age", lambda: survival_curve(any_of("pbc", "exit", entry="entry"), pbc["sex"])
    yield "flchain by age", lambda: survival_curve(any_of("flchain", "exit", entry="entry"), data("flchain")["sex"])
    yield "rotterdam weighted", lambda: survival_curve(any_of("rotterdam", "month"), rotterdam["hormon"], weights=fraction(2982))
    yield "pbc months follow-up", lambda: follow_up(competing("pbc", "month"), pbc["sex"])
    cgd = data("cgd")
    yield "cgd", lambda: survival_curve(times(cgd, "tstop", "status", entry="tstart", id="id"), cgd["treat"])
    rows = cut_pbc(pbc)
    pieces = times(rows, "time", "state", *NAMES["pbc"], entry="begin", id="id").any_event("Any")
    yield "pbc cut into rows", lambda: survival_curve(pieces, rows["sex"])


def matched(ours: pd.DataFrame, theirs: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Our rows for theirs, which are a choice of all."""
    ours = ours.assign(group=ours["group"].fillna(""), time=ours["time"].round(9))
    found = theirs[keys].assign(time=theirs["time"].astype(float).round(9)).merge(ours, on=keys, how="left", validate="one_to_one")
    assert found["estimate"].notna().all()
    return found


@pytest.mark.parametrize(("case", "call"), list(curves()), ids=lambda value: value if isinstance(value, str) else "")
def test_curve_equals_survfit(case, call):
    curve, stored = call(), reference("datasets")
    for name, table in ((case, curve.tidy()), (f"{case}, at", curve.at(sorted(set(stored[f"{case}, at"]["time"]))))):
        theirs = pd.DataFrame(stored[name])
        ours = matched(table, theirs, ["group", "time"])
        for column in theirs.columns.drop(["group", "time"]):
            if name.endswith("at") and column == "n_risk" and curve.sets[0].rows.entry is not None:
                continue  # with delayed entry R shows the number at the next exit
            assert_close(ours[column], theirs[column], f"{name}: {column}")
    quantiles = pd.DataFrame(stored[f"{case}, quantiles"])
    found = curve.quantile([0.1, 0.25, 0.5, 0.75]).assign(group=lambda t: t["group"].fillna(""))
    found = quantiles[["group", "quantile"]].merge(found, on=["group", "quantile"], validate="one_to_one")
    for group, rows in curve.tidy().fillna({"group": ""}).groupby("group"):
        mine = (quantiles["group"] == group).to_numpy()
        for column in ("estimate", "conf_low", "conf_high"):
            if rows[column].dropna().is_monotonic_decreasing:  # elsewhere R sorts by value: test_kaplan_meier.py
                assert_close(found[column][mine], quantiles[column][mine].astype(float), f"{case}: quantile, {column}")


def incidences():
    for name, time, by in (("transplant", "time", "abo"), ("myeloid", "time", "trt"), ("flchain", "time", "sex"),
                           ("pbc", "time", "sex"), ("rotterdam", "month", "size")):  # fmt: skip
        yield f"{name} cmprsk", lambda n=name, t=time, b=by: cumulative_incidence(competing(n, t), data(n)[b])
    yield "transplant months cmprsk", lambda: cumulative_incidence(competing("transplant", "month"))
    yield "myeloid months cmprsk", lambda: cumulative_incidence(competing("myeloid", "month"), data("myeloid")["trt"])
    yield "pbc months cmprsk", lambda: cumulative_incidence(competing("pbc", "month"))
    for name, time, by in (("transplant", "time", "abo"), ("myeloid", "time", "trt"), ("flchain", "time", "sex")):
        yield f"{name} jackknife", lambda n=name, t=time, b=by: cumulative_incidence(competing(n, t), data(n)[b], variance=JACKKNIFE)
    yield "transplant months jackknife", lambda: cumulative_incidence(competing("transplant", "month"), variance=JACKKNIFE)
    yield "pbc months jackknife", lambda: cumulative_incidence(competing("pbc", "month"), data("pbc")["sex"], variance=JACKKNIFE)
    yield "myeloid months weighted", lambda: cumulative_incidence(
        competing("myeloid", "month"), data("myeloid")["trt"], weights=fraction(646), variance=JACKKNIFE)  # fmt: skip
    yield "rotterdam weighted jackknife", lambda: cumulative_incidence(
        competing("rotterdam", "month"), data("rotterdam")["size"], weights=fraction(2982), variance=JACKKNIFE)  # fmt: skip
    by_age = competing("flchain", "exit", entry="entry")
    yield "flchain by age jackknife", lambda: cumulative_incidence(by_age, data("flchain")["sex"], variance=JACKKNIFE)
    yield "flchain by age weighted", lambda: cumulative_incidence(by_age, weights=fraction(len(by_age)), variance=JACKKNIFE)
    older = data("pbc").query("entry > 40")
    yield "pbc by age jackknife", lambda: cumulative_incidence(
        times(older, "exit", "state", *NAMES["pbc"], entry="entry"), older["sex"], variance=JACKKNIFE)  # fmt: skip
    rows = cut_pbc(data("pbc"))
    yield "pbc cut into rows jackknife", lambda: cumulative_incidence(
        times(rows, "time", "state", *NAMES["pbc"], entry="begin", id="id"), rows["sex"], variance=JACKKNIFE)  # fmt: skip


@pytest.mark.parametrize(("case", "call"), list(incidences()), ids=lambda value: value if isinstance(value, str) else "")
def test_incidence_equals_cuminc_or_survfit(case, call):
    fit, theirs = call(), pd.DataFrame(reference("datasets")[case])
    theirs["outcome"] = [fit.states[cause - 1] for cause in theirs["cause"]]
    ours = matched(fit.tidy(), theirs, ["group", "time", "outcome"])
    for column in theirs.columns.drop(["group", "time", "outcome", "cause"]):
        if column == "n_risk" and "weighted" in case:
            continue  # survfit shows weights for one kind of event, and rows for several
        assert_close(ours[column], theirs[column].astype(float), f"{case}: {column}")
    for survival, incidence in zip(fit.survival, fit.incidence, strict=True):
        np.testing.assert_allclose(survival + incidence.sum(axis=1), 1, rtol=0, atol=4e-16)


def edges(kind: str):
    return [name for name in reference("datasets") if name.startswith("edge: ") and name.endswith(kind)]


@pytest.mark.parametrize("conf_type", KINDS)
def test_edge_cases_equal_survfit(conf_type):
    names = edges(f", {conf_type.replace('arcsine', 'arcsin')}")
    assert len(names) == 7
    for name in names:
        case = reference("datasets")[name]
        curve = survival_curve(hand(case["t"], case["s"]), conf_type=conf_type)
        ours, quantiles = curve.tidy(), curve.quantile([0.25, 0.5, 0.75])
        for column in ("time", "estimate", "std_error", "conf_low", "conf_high", "n_risk", "n_event", "n_censor"):
            assert_close(ours[column], case[column], f"{name}: {column}")
        for column, theirs in (("estimate", "quantile"), ("conf_low", "quantile_low"), ("conf_high", "quantile_high")):
            assert_close(quantiles[column], case[theirs], f"{name}: {theirs}")


def test_edge_cases_of_incidence_equal_survfit_and_cuminc():
    for name in edges(", jackknife"):
        case = reference("datasets")[name]
        fit = cumulative_incidence(hand(case["t"], case["s"], "first", "second"), variance=JACKKNIFE).tidy()
        for outcome, ours in fit.groupby("outcome"):
            for column, theirs in (("estimate", ""), ("std_error", "_se"), ("conf_low", "_low"), ("conf_high", "_high")):
                assert_close(ours[column], case[f"{outcome}{theirs}"], f"{name}: {outcome}, {column}")
    for name in edges(", cmprsk"):
        case = reference("datasets")[name]
        fit = cumulative_incidence(hand(case["t"], case["s"], "1", "2")).tidy()
        for outcome, ours in fit.groupby("outcome"):
            for column in ("estimate", "std_error"):  # cuminc leaves out a cause without events: both are 0
                assert_close(ours[column], case.get(f"{column}{outcome}", [0] * len(ours)), f"{name}: {outcome}, {column}")


def test_a_group_without_events_and_an_empty_level():
    """survfit: the curve stays at 1, standard error 0, log-log limits NA, median NA; a level nobody has is no curve."""
    tte = hand([1, 2, 3, 4, 5], [1, 0, 0, 1, 0])
    by = pd.Series(pd.Categorical(["a", "b", "b", "a", "b"], categories=["c", "b", "a"]))
    curve = survival_curve(tte, by)
    assert curve.groups == ("a", "b")
    quiet = curve.tidy().query("group == 'b'")
    assert quiet[["estimate", "std_error"]].to_numpy().tolist() == [[1, 0]] * 3
    assert quiet["conf_low"].isna().all()
    assert math.isnan(curve.median()["estimate"].iloc[1])
    incidence = cumulative_incidence(tte, by)
    assert incidence.at(9).query("group == 'b'")[["estimate", "std_error"]].to_numpy().tolist() == [[0, 0]]


def test_heavily_weighted_data_where_all_die():
    """survfit(Surv(1:4, c(1, 1, 0, 1)) ~ 1, weights = c(.5, 1, 2, 1.5)): the robust standard error is 0 where S is 0."""
    fit = survival_curve(hand([1, 2, 3, 4], [1, 1, 0, 1]), weights=[0.5, 1, 2, 1.5], conf_type="plain")
    assert_close(fit.tidy()["std_error"], [0.10488088481701514, 0.21679483388678797, 0.21679483388678797, 0])
    assert fit.tidy()[["conf_low", "conf_high"]].iloc[-1].tolist() == [0, 0]
