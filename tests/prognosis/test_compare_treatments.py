"""Two treatments compared: against R on real data, an honest time zero, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import haip_outcomes as haip
from haip_outcomes.errors import EndpointError, FitError, SeparationError
from haip_outcomes.prognosis.treatments.treatment_comparison import TreatmentComparison
from haip_outcomes.prognosis.treatments.treatments_compared import compare_treatments
from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.tables.treatments import balance_table, treatment_table

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
R = json.loads((REFERENCE / "treatments.json").read_text())
TCIA = json.loads((REFERENCE / "tcia_treatments.json").read_text())
NUMBER = {"kind": "number", "known": "baseline"}


def near(found, expected, within=1e-8):
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    assert found.shape == expected.shape
    assert np.all(np.abs(found - expected) <= within * np.maximum(np.abs(expected), 0.001)), (found, expected)


def category(*levels):
    return {"levels": {level: level for level in levels}, "known": "baseline"}


def cohort_of(frame, columns, endpoints, **parts):
    """A cohort made without a file: text columns with levels become categories."""
    plan = make_plan({"cohort": {"name": "Test", "id": "key", "setting": {"value": "comparator"}}, "columns": columns, "endpoints": endpoints, **parts})
    frame = frame.copy()
    for name, column in plan.columns.items():
        if column.levels:
            frame[name] = pd.Categorical(frame[name], categories=list(column.levels.values()))
    if "setting" not in frame:
        frame["setting"] = pd.Categorical(["comparator"] * len(frame), categories=["adjuvant", "unresectable", "comparator"])
    frame.index = pd.RangeIndex(2, len(frame) + 2, name="row")
    return Cohort(plan, frame, Source("test", "", len(frame)))


def gbsg():
    frame = pd.read_csv(REFERENCE / "data" / "weighting_gbsg.csv").assign(dead=lambda f: f["dead"].astype(float))
    columns = {"hormon": category("no", "yes"), "meno": category("post", "pre"), "grade": category("one", "three", "two"),
               **dict.fromkeys(("age", "size", "nodes", "er"), NUMBER)}  # fmt: skip
    treatment = {"column": "hormon", "treated": "yes", "control": "no", "confounders": ["age", "meno", "size", "grade", "nodes", "er"]}
    endpoint = {"label": "Overall survival", "start": "operation", "events": {"Death": {"time": "month", "flag": "dead"}}}
    return cohort_of(frame, columns, {"os": endpoint}, treatment=treatment, analysis={"times": [12, 36, 60, 200]})


def colon():
    frame = pd.read_csv(REFERENCE / "data" / "treatments_colon.csv")
    frame = frame.assign(recurred=(frame["state"] == 1) * 1.0, died=(frame["state"] == 2) * 1.0, arm=frame["arm"].map({0: "observation", 1: "levamisole"}))
    columns = {"arm": category("observation", "levamisole"), "sex": category("female", "male"), "extent": category("e2", "e3"),
               **dict.fromkeys(("age", "obstruct", "nodes"), NUMBER)}  # fmt: skip
    events = {"Recurrence": {"time": "day", "flag": "recurred"}, "Death": {"time": "day", "flag": "died"}}
    return cohort_of(frame, columns, {"first": {"label": "First event", "start": "operation", "events": events}})


def held(found, r, states, what):
    """The steps of one comparison against R's."""
    tidy = found.tidy()
    own = r[what]
    near(found.propensity.weights.sum(), own["total"])
    near([found.compared["effective_n"].iloc[1], found.compared["effective_n"].iloc[0]], own["effective"])
    zph = found.proportional_hazards.set_index(["outcome", "model"])[["statistic", "p_value"]]
    for state in states:
        rows = tidy[(tidy["outcome"] == state) & (tidy["measure"] == "hazard ratio")].set_index("model")[["estimate", "std_error"]]
        near(rows.loc["crude"], r[state]["crude"])
        near(rows.loc["adjusted"], r[state]["adjusted"])
        near(rows.loc["weighted", "estimate"], own[state]["weighted"][0])
        near(rows.loc["weighted", "std_error"], own[state]["weighted"][1], 1e-6)
        near(zph.loc[state, "crude"], r[state]["zph_crude"], 1e-6)
        near(zph.loc[state, "adjusted"], r[state]["zph_adjusted"], 1e-6)
        near(zph.loc[state, "weighted"], own[state]["zph"], 1e-6)
        counts = found.compared[found.compared["outcome"] == state]["n_event"].tolist()
        assert counts[::-1] == r[state]["events"]


def risks(found, state, group):
    rows = found.risk
    return rows[(rows["outcome"] == state) & (rows["group"] == group) & (rows["model"] == "weighted")]


def differences(found, state, measure="risk difference"):
    tidy = found.tidy()
    return tidy[(tidy["outcome"] == state) & (tidy["measure"] == measure) & (tidy["model"] == "weighted")]


@pytest.mark.parametrize("what", ["ATE", "ATT", "overlap"])
def test_every_step_is_r_s(what):
    found = compare_treatments(gbsg(), estimand=what)
    assert isinstance(found, TreatmentComparison)
    held(found, R["gbsg"], ["Death"], what)
    own = R["gbsg"][what]
    near(risks(found, "Death", "yes")["estimate"], own["risk_treated"])
    near(risks(found, "Death", "no")["estimate"], own["risk_control"])
    near(differences(found, "Death")["estimate"], own["difference"])
    near(differences(found, "Death")["std_error"], own["difference_se"], 1e-6)
    mean = differences(found, "Death", "restricted mean difference")
    near(mean["estimate"].iloc[0], own["mean"][0])
    near(mean["std_error"].iloc[0], own["mean"][1], 1e-6)
    assert mean["time"].tolist() == [60.0]  # 200 months are beyond the follow-up
    assert any("nothing is said of 200 months" in note for note in found.warnings)


@pytest.mark.parametrize("what", ["ATE", "ATT", "overlap"])
def test_competing_events_are_r_s(what):
    found = compare_treatments(colon(), "first", treatment="arm", treated="levamisole", control="observation", estimand=what,
                               confounders=["sex", "age", "obstruct", "nodes", "extent"], times=[365, 1000, 2000])  # fmt: skip
    states = ["Recurrence", "Death"]
    held(found, R["colon"], states, what)
    for state in states:
        own = R["colon"][what][f"{state}_risk"]
        near(risks(found, state, "levamisole")[["estimate", "conf_low", "conf_high"]].T, [own["treated"], own["lower"], own["upper"]], 1e-6)
        near(risks(found, state, "levamisole")["estimate"], own["treated"])
        near(risks(found, state, "observation")["estimate"], own["control"])
        near(differences(found, state)["std_error"], own["difference_se"], 1e-6)
    assert found.left_out == {"without nodes": 12}
    assert any("Left out for a missing confounder: nodes (" in note and "impute" in note for note in found.warnings)
    assert any("cause-specific hazard ratio compares rates" in sentence for sentence in found.sentences)


def test_the_archive_s_patients(workbook):
    """Preoperative chemotherapy of the TCIA patients; R 4.2.2, survival 3.5-3 (tests/reference/treatments.R)."""
    cohort = haip.read_cohort(workbook, "cohorts/tcia_crlm/plan.toml")
    for what in ("ATE", "ATT", "overlap"):
        found = compare_treatments(cohort, "os", treatment="chemo_before_liver_resection", confounders=["age", "sex", "clinrisk_score"], estimand=what)
        held(found, TCIA["os"], ["Death"], what)
        near(differences(found, "Death")["estimate"], TCIA["os"][what]["difference"])
        near(differences(found, "Death")["std_error"], TCIA["os"][what]["difference_se"], 1e-6)
        near(differences(found, "Death", "restricted mean difference")[["estimate", "std_error"]].iloc[0], TCIA["os"][what]["mean"], 1e-6)
        assert found.left_out == {"without Clinical risk score": 29}


def test_what_the_result_says_of_itself():
    found = compare_treatments(gbsg(), replicates=40, rng=1)
    assert found.method.startswith("Yes against no (hormon), weighted by the propensity score of age, meno")
    assert "Rosenbaum and Rubin 1983" in found.method
    assert "40 resamples" in found.method
    words = " ".join(found.sentences)
    assert "246 patients with yes (94 Death; effective" in words
    assert "E-value: something unmeasured that went with the treatment" in words
    assert found.sentences[-1].startswith("What was not written down is not balanced")
    assert not {"better", "worse", "significant", "proves", "superior"} & set(words.replace(".", " ").split())
    tidy = found.tidy(exponentiate=True)
    weighted = tidy[tidy["model"] == "weighted"]
    assert (weighted["boot_low"] < weighted["boot_high"]).all()
    assert tidy.loc[tidy["model"] != "weighted", "boot_low"].isna().all()
    assert weighted["boot_low"].iloc[0] < weighted["estimate"].iloc[0] < weighted["boot_high"].iloc[0]
    row = weighted.iloc[0]
    assert found.e_values["Death"].e_value == haip.e_value(row["estimate"], row["conf_low"], row["conf_high"]).e_value
    assert found.glance()["n_event"].item() == 299
    assert found._repr_html_().count("<table") == 1
    assert repr(found).startswith(found.method)
    again = compare_treatments(gbsg(), replicates=40, rng=1)
    pd.testing.assert_frame_equal(found.tidy(), again.tidy())


# --- time zero ---------------------------------------------------------------------------------------------------

def resected(n=160, seed=4, wait=None):
    """Resected patients, some with a pump, chosen by age; `wait` days from resection to the pump."""
    rng = np.random.default_rng(seed)
    age = rng.normal(60, 8, n).round()
    pump = rng.random(n) < 1 / (1 + np.exp((age - 60) / 8))
    resection = pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 700, n), unit="D")
    days = np.ceil(rng.exponential(900, n)) + 1
    seen = rng.integers(500, 1800, n)
    wait = np.zeros(n) if wait is None else np.asarray(wait(rng, n))
    frame = pd.DataFrame({
        "age": age, "pump": np.where(pump, "Yes", "No"), "resection": resection, "response": np.where(rng.random(n) < 0.5, "Yes", "No"),
        "pump_date": resection + pd.to_timedelta(np.where(pump, wait, np.nan), unit="D"),
        "death": resection + pd.to_timedelta(np.where(days <= seen, days, np.nan), unit="D"),
        "contact": resection + pd.to_timedelta(np.minimum(days, seen), unit="D"),
    })  # fmt: skip
    return frame[~(pump & (wait >= np.minimum(days, seen)))].reset_index(drop=True)


COLUMNS = {"age": {"label": "Age", **NUMBER}, "pump": {"label": "Pump", "levels": {"0": "No", "1": "Yes"}}, "resection": {"label": "Liver resection", "kind": "date"},
           "pump_date": {"label": "Pump placement", "kind": "date", "item": "pump_date"}, "response": {"label": "Response", "levels": {"0": "No", "1": "Yes"}, "known": "later"}}  # fmt: skip
DATES = {"last_seen": "contact", "events": {"Death": "death"}}
FROM_RESECTION = {"os": {"label": "Overall survival", "start": "resection", **DATES}}
ASKED = {"treatment": "pump", "confounders": ["age"], "times": [12]}


def test_a_pump_at_the_resection_is_compared_without_a_word_of_immortal_time():
    found = compare_treatments(cohort_of(resected(), COLUMNS, FROM_RESECTION), **ASKED)
    assert (found.choice.treated, found.choice.control) == ("Yes", "No")
    assert not any("time zero" in note for note in found.warnings)


def test_pumps_placed_after_time_zero_are_refused_with_the_count_and_compared_from_a_landmark():
    frame = resected(wait=lambda rng, n: np.where(rng.random(n) < 0.3, rng.integers(20, 200, n), 0))
    cohort = cohort_of(frame, COLUMNS, FROM_RESECTION)
    lag = (frame["pump_date"] - frame["resection"]).dt.days
    with pytest.raises(EndpointError, match=f"{(lag > 0).sum()} of {lag.notna().sum()} patients with Pump \"Yes\" were treated after time zero.*immortal time.*landmark=.*factors_over_time"):
        compare_treatments(cohort, **ASKED)
    found = compare_treatments(cohort, **ASKED, landmark=3)
    followed = (frame["contact"] - frame["resection"]).dt.days / (365.25 / 12) >= 3
    by_then = lag / (365.25 / 12) <= 3
    assert found.compared["n"].tolist() == [int((followed & ~by_then).sum()), int((followed & by_then).sum())]
    assert any(note.startswith(f"{int((followed & (lag / (365.25 / 12) > 3)).sum())} treated after the landmark stay with No") for note in found.warnings)
    assert len(found.tte) + sum(found.left_out.values()) == len(frame)
    assert found.tte.time_zero == "landmark at 3 months"


def test_the_naive_comparison_would_have_been_wrong_and_the_landmark_is_not():
    """A pump that does nothing, placed up to a year later in those who live to see it: the crude hazard ratio says it saves lives."""
    rng = np.random.default_rng(5)
    n = 4000
    days, wait, planned = np.ceil(rng.exponential(600, n)) + 1, rng.integers(0, 365, n), rng.random(n) < 0.5
    got = planned & (wait < days)
    start = pd.Series(pd.Timestamp("2015-01-01"), index=range(n))
    frame = pd.DataFrame({"age": rng.normal(60, 8, n), "pump": np.where(got, "Yes", "No"), "resection": start, "response": "No",
                          "pump_date": start + pd.to_timedelta(np.where(got, wait, np.nan), unit="D"), "death": start + pd.to_timedelta(days, unit="D"),
                          "contact": start + pd.to_timedelta(days, unit="D")})  # fmt: skip
    cohort = cohort_of(frame, COLUMNS, FROM_RESECTION)
    naive = haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, ["pump"])).tidy(exponentiate=True)["estimate"].item()
    assert naive < 0.8
    row = compare_treatments(cohort, **ASKED, landmark=6).tidy(exponentiate=True).set_index(["measure", "model"]).loc[("hazard ratio", "weighted")]
    assert row["conf_low"] < 1 < row["conf_high"]


def test_a_clock_that_only_the_treated_have():
    endpoint = {"os": {"label": "Overall survival", "start": "pump_date", "without_start": "left out", **DATES}}
    with pytest.raises(EndpointError, match=r'None of the \d+ patients with Pump "No" has a time zero of "Overall survival" \(Pump placement\).*immortal time.*resection_date'):
        compare_treatments(cohort_of(resected(), COLUMNS, endpoint), **ASKED)


def test_entering_the_treated_late_is_not_enough():
    endpoint = {"os": {"label": "Overall survival", "start": "resection", "entry": "pump_date", **DATES}}
    frame = resected(wait=lambda rng, n: np.full(n, 60.0))
    with pytest.raises(EndpointError, match=r"lets the treated enter when they are treated.*who died waiting"):
        compare_treatments(cohort_of(frame, COLUMNS, endpoint), **ASKED)
    with pytest.raises(EndpointError, match=r"lets those with Yes enter when it is begun.*who died waiting stays with No"):
        compare_treatments(cohort_of(frame, COLUMNS, endpoint), **ASKED, treated="No", control="Yes")


def test_some_without_time_zero_are_left_out_counted_and_said():
    frame = resected()
    frame.loc[:9, "resection"] = pd.NaT
    endpoint = {"os": {"label": "Overall survival", "start": "resection", "without_start": "left out", **DATES}}
    found = compare_treatments(cohort_of(frame, COLUMNS, endpoint), **ASKED)
    assert found.left_out == {"no time zero (Liver resection)": 10}
    assert any(note.startswith("Without time zero (Liver resection), and so left out: ") for note in found.warnings)


def test_what_is_known_later_is_no_confounder_and_no_treatment():
    cohort = cohort_of(resected(), COLUMNS, FROM_RESECTION)
    with pytest.raises(EndpointError, match="Response is known only after time zero"):
        compare_treatments(cohort, treatment="pump", confounders=["age", "response"])
    with pytest.raises(EndpointError, match="Response is known only after time zero"):
        compare_treatments(cohort, treatment="response", confounders=["age"])


def test_dates_of_the_treatment_before_time_zero_are_said_and_unknown_ones_refused():
    frame = resected(wait=lambda rng, n: np.full(n, -30.0))
    n = int((frame["pump"] == "Yes").sum())
    found = compare_treatments(cohort_of(frame, COLUMNS, FROM_RESECTION), **ASKED)
    assert any(note.startswith(f"{n} of {n} Yes were treated before time zero") for note in found.warnings)
    frame.loc[frame.index[frame["pump"] == "Yes"][:3], "pump_date"] = pd.NaT
    for landmark in (None, 1):
        with pytest.raises(EndpointError, match=rf'No date on which it was begun \(Pump placement\): 3 of {n} patients with Pump "Yes".*Give the date, or leave these'):
            compare_treatments(cohort_of(frame, COLUMNS, FROM_RESECTION), **ASKED, landmark=landmark)
    promised = {**COLUMNS, "pump": {**COLUMNS["pump"], "known": "baseline"}}
    found = compare_treatments(cohort_of(frame, promised, FROM_RESECTION), **ASKED)
    assert any(note.startswith(f"3 of {n} Yes have no date (Pump placement): taken as treated at time zero, as the plan says") for note in found.warnings)


def test_started_names_the_date_and_must_be_one():
    frame = resected(wait=lambda rng, n: np.full(n, 40.0)).rename(columns={"pump_date": "begun", "pump": "arm"})
    columns = {**{name: column for name, column in COLUMNS.items() if name not in ("pump", "pump_date")}, "arm": {"label": "Arm", "levels": {"0": "No", "1": "Yes"}},
               "begun": {"label": "Begun", "kind": "date"}}  # fmt: skip
    cohort = cohort_of(frame, columns, FROM_RESECTION)
    asked = {"treatment": "arm", "confounders": ["age"], "times": [12]}
    assert any("does not say when Arm is known" in note for note in compare_treatments(cohort, **asked).warnings)
    with pytest.raises(EndpointError, match="were treated after time zero"):
        compare_treatments(cohort, **asked, started="begun")
    with pytest.raises(EndpointError, match='started="age" is not a date column'):
        compare_treatments(cohort, **asked, started="age")
    known = {**columns, "arm": {**columns["arm"], "known": "begun"}}
    with pytest.raises(EndpointError, match="were treated after time zero"):
        compare_treatments(cohort_of(frame, known, FROM_RESECTION), **asked)


# --- immortal time that comes another way: nothing has an effect here, so the hazard ratio is 1 ---------------------

NO_EFFECT = {"treatment": "arm", "confounders": ["age"], "times": [12]}


def idle(levels=("No", "Yes"), n=2000, seed=5, **arm):
    """Exponential lives that no treatment changes: days, days until the second treatment (for half of them, who live to see it), and a cohort of them."""
    rng = np.random.default_rng(seed)
    days, wait, planned = np.ceil(rng.exponential(600, n)) + 1, rng.integers(1, 365, n), rng.random(n) < 0.5
    got = planned & (wait < days)
    start = pd.Series(pd.Timestamp("2015-01-01"), index=range(n))
    end = start + pd.to_timedelta(days, unit="D")
    frame = pd.DataFrame({"age": rng.normal(60, 8, n), "resection": start, "death": end, "contact": end})
    columns = {"age": NUMBER, "resection": {"kind": "date"}, "begun": {"kind": "date"},
               "arm": {"label": "Arm", "levels": {level: level for level in levels}, "known": "begun", **arm}}  # fmt: skip

    def made(begun, what, **more):
        dated = frame.assign(begun=start + pd.to_timedelta(begun, unit="D"), arm=what, decided=start)
        return cohort_of(dated, {**columns, "decided": {"kind": "date"}, **more}, FROM_RESECTION)

    return days, np.where(got, wait, np.nan), made


def weighted(found):
    return found.tidy(exponentiate=True).set_index(["measure", "model"]).loc[("hazard ratio", "weighted")]


def by_hand(days, treated, kept, zero=0.0):
    """The hazard ratio of the days themselves, among those kept, from a day on."""
    kept = kept & (days >= zero)
    frame = pd.DataFrame({"t": (days - zero)[kept], "e": 1, "treated": treated[kept] * 1})
    return haip.cox(haip.TimeToEvent.from_frame(frame, time="t", state="e", states=["Death"]), haip.design(frame, ["treated"])).tidy(exponentiate=True)["estimate"].item()


THREE = 3 * 365.25 / 12


def test_a_control_that_is_begun_late_is_refused_as_the_treated_are():
    days, wait, made = idle(("Pump", "Chemo"))
    late = ~np.isnan(wait)
    begun, arm = np.where(late, wait, 0), np.where(late, "Chemo", "Pump")
    assert by_hand(days, ~late, days > 0) > 1.5  # what it used to say: 1.6
    cohort = made(begun, arm)
    for treated, control in (("Pump", "Chemo"), ("Chemo", "Pump")):
        asked = {**NO_EFFECT, "treated": treated, "control": control}
        with pytest.raises(EndpointError, match=f'{late.sum()} of {late.sum()} patients with Arm "Chemo" were treated after time zero.*immortal time.*who died waiting counts with Pump'):
            compare_treatments(cohort, **asked)
        with pytest.raises(EndpointError, match=r'the plan does not say what they had until then, as those with Pump have that date too.*before = "Pump"'):
            compare_treatments(cohort, **asked, landmark=3)
    said = idle(("Pump", "Chemo"), before="Pump")[2](begun, arm)
    row = weighted(compare_treatments(said, **NO_EFFECT, treated="Pump", control="Chemo", landmark=3))
    assert row["conf_low"] < 1 < row["conf_high"]
    assert abs(row["estimate"] - by_hand(days, ~(late & (wait <= THREE)), days > 0, THREE)) < 0.01


def test_treated_without_a_date_are_no_treated_of_time_zero():
    days, wait, made = idle()
    got = ~np.isnan(wait)
    few = got & (np.random.default_rng(1).random(len(days)) < 0.02)
    assert by_hand(days, got, days > 0) < 0.65
    with pytest.raises(EndpointError, match=f'{(got & ~few).sum()} of {got.sum()} patients with Arm "Yes"'):
        compare_treatments(made(np.where(few, 0, np.nan), np.where(got, "Yes", "No")), **NO_EFFECT)


def test_of_several_dates_the_earliest_of_all_counts():
    days, wait, made = idle()
    got = ~np.isnan(wait)
    first = got & (np.random.default_rng(1).random(len(days)) < 0.1)
    cohort = made(np.where(first, 0, np.nan), np.where(got, "Yes", "No"), second={"kind": "date"})
    plan = make_plan({"cohort": {"name": "Test", "id": "key", "setting": {"value": "comparator"}}, "columns": {"age": NUMBER, **{c: {"kind": "date"} for c in ("resection", "begun", "second")}},
                      "endpoints": FROM_RESECTION, "derived": {"arm": {"take": "any", "columns": ["begun", "second"]}}})  # fmt: skip
    second = cohort.frame["resection"] + pd.to_timedelta(np.where(first, np.nan, wait), unit="D")
    two = Cohort(plan, cohort.frame.assign(second=second, arm=pd.Categorical(np.where(got, "Yes", "No"))), cohort.source)
    with pytest.raises(EndpointError, match=rf"{(got & ~first).sum()} of {got.sum()} patients .* were treated after time zero.*\(begun or second\)"):
        compare_treatments(two, **NO_EFFECT)


def test_started_may_not_contradict_the_plan():
    _, wait, made = idle()
    got = ~np.isnan(wait)
    cohort = made(wait, np.where(got, "Yes", "No"))
    with pytest.raises(EndpointError, match='started="decided" says another day than the plan in 2000 of 2000 patients: by the plan Arm is known since begun'):
        compare_treatments(cohort, **NO_EFFECT, started="decided", treated="Yes")
    with pytest.raises(EndpointError, match="were treated after time zero"):
        compare_treatments(cohort, **NO_EFFECT, started="begun")


def test_who_had_neither_at_the_landmark_is_left_out():
    """Pump late, Chemo at time zero, and None until then: those pumped after the landmark had None, not Chemo."""
    days, wait, made = idle(("None", "Pump", "Chemo"), n=3000)
    chemo = np.random.default_rng(2).random(len(days)) < 0.4  # chosen at time zero, whatever comes
    pump = ~chemo & ~np.isnan(wait)
    cohort = made(np.where(pump, wait, np.where(chemo, 0, np.nan)), np.where(pump, "Pump", np.where(chemo, "Chemo", "None")))
    found = compare_treatments(cohort, **NO_EFFECT, treated="Pump", control="Chemo", landmark=3)
    by_then, followed = pump & (wait <= THREE), days >= THREE
    assert found.compared["n"].tolist() == [int((chemo & followed).sum()), int((by_then & followed).sum())]
    later = int((pump & (wait > THREE)).sum())
    assert found.left_out[f"Arm still None at 3 months ({later} Pump later)"] == later
    assert abs(weighted(found)["estimate"] - by_hand(days, by_then, chemo | by_then, THREE)) < 0.01
    assert weighted(found)["conf_low"] < 1 < weighted(found)["conf_high"]


@pytest.mark.parametrize("landmark", [None, 3])
def test_who_gets_a_third_treatment_later_stays_with_what_was_had_until_then(landmark):
    """To leave out those who live to get Chemo takes the long lives from None: 0.78 where nothing has an effect."""
    days, wait, made = idle(("None", "Pump", "Chemo"))
    pump = np.random.default_rng(2).random(len(days)) < 0.4  # chosen at time zero, whatever comes
    chemo = ~pump & ~np.isnan(wait)
    cohort = made(np.where(chemo, wait, np.where(pump, 0, np.nan)), np.where(pump, "Pump", np.where(chemo, "Chemo", "None")))
    found = compare_treatments(cohort, **NO_EFFECT, treated="Pump", control="None", landmark=landmark)
    zero = 0.0 if landmark is None else THREE
    kept = ~(chemo & (wait <= zero))
    assert found.tte.n == int((kept & (days >= zero)).sum())
    assert any(f"before it: {int((chemo & (wait > zero) & (days >= zero)).sum())} Chemo." in note for note in found.warnings)
    assert abs(weighted(found)["estimate"] - by_hand(days, pump, kept, zero)) < 0.02
    assert by_hand(days, pump, ~chemo, zero) < 0.9  # what leaving them out would say
    assert weighted(found)["conf_low"] < 1 < weighted(found)["conf_high"]
    assert len(found.tte) + sum(found.left_out.values()) == len(days)


def test_a_treatment_begun_on_the_day_of_the_event_and_of_the_landmark_comes_too_late():
    rng = np.random.default_rng(1)
    frame = resected(n=120).assign(resection=pd.Timestamp("2015-01-01"))
    days = np.where(np.arange(len(frame)) < 6, 183, np.ceil(rng.exponential(600, len(frame))) + 200)
    yes = (np.arange(len(frame)) < 6) | (rng.random(len(frame)) < 0.4)
    end = frame["resection"] + pd.to_timedelta(days, unit="D")
    begun = np.where(np.arange(len(frame)) < 6, 183, np.where(yes, rng.integers(1, 183, len(frame)), np.nan))
    frame = frame.assign(pump=np.where(yes, "Yes", "No"), death=end, contact=end, pump_date=frame["resection"] + pd.to_timedelta(begun, unit="D"))
    found = compare_treatments(cohort_of(frame, COLUMNS, FROM_RESECTION), **ASKED, landmark=183 / (365.25 / 12))
    assert found.compared["n"].tolist() == [int((~yes).sum()) + 6, int(yes.sum()) - 6]


def test_a_late_date_beside_a_treatment_known_at_time_zero_is_said():
    _, wait, made = idle(known="baseline")
    got = ~np.isnan(wait)
    notes = compare_treatments(made(wait, np.where(got, "Yes", "No")), **NO_EFFECT).warnings
    assert any(note.startswith(f'Arm is taken as known at time zero, but the date begun is given in {got.sum()} of the {got.sum()} with "Yes"') for note in notes)


# --- settings ------------------------------------------------------------------------------------------------------

def pooled_file(n=300, seed=3, shares=None):
    truth = {name: haip.Truth(death=0.014 if name == "adjuvant" else 0.02) for name in ("adjuvant", "unresectable", "comparator")}
    return haip.simulate_cohort(n, rng=np.random.default_rng(seed), truth=truth, shares=shares or {"adjuvant": 1, "comparator": 1, "unresectable": 1})


def test_the_cure_named_for_a_setting_is_one_that_works():
    frame = resected(wait=lambda rng, n: np.full(n, 40.0)).rename(columns={"pump": "had"})
    frame["setting"] = pd.Categorical(np.where(frame["had"] == "Yes", "adjuvant", "comparator"), categories=["adjuvant", "unresectable", "comparator"])
    columns = {name: column for name, column in COLUMNS.items() if name != "pump"}
    cohort = cohort_of(frame.drop(columns="had"), columns, FROM_RESECTION)
    with pytest.raises(EndpointError, match=r'\["given"\].*\[derived.given\] take = "any" and columns = \["pump_date"\]'):
        compare_treatments(cohort, treatment="setting", confounders=["age"])
    frame["given"] = np.where(frame["pump_date"].notna(), "Yes", "No")
    cured = cohort_of(frame.drop(columns="had"), columns, FROM_RESECTION, derived={"given": {"take": "any", "columns": ["pump_date"]}})
    assert "time-varying" in haip.factors_over_time(cured, "os", "given").models


def test_columns_are_named_by_their_labels():
    found = compare_treatments(gbsg())
    assert found.method.startswith("Yes against no (hormon)")
    pooled = compare_treatments(pooled_file(shares={"adjuvant": 1, "comparator": 1}), treatment="setting", confounders=["age", "sarcopenia"])
    assert not any("setting comparator" in note or "setting adjuvant" in note for note in pooled.warnings)
    for table in (balance_table(pooled), treatment_table(pooled)):
        assert table.title.startswith("Adjuvant ")
        assert "sarcopenia" not in " ".join(table.footnotes)  # its label is Sarcopenia


def test_the_setting_is_a_treatment_and_other_settings_are_counted():
    cohort = pooled_file()
    found = compare_treatments(cohort, treatment="setting", treated="adjuvant", control="comparator", confounders=["sarcopenia", "age"])
    assert found.left_out == {"Setting: unresectable": int((cohort["setting"] == "unresectable").sum())}
    assert any(note.startswith("Time zero is pump placement, also of comparator") for note in found.warnings)
    two = compare_treatments(pooled_file(shares={"adjuvant": 1, "comparator": 1}), treatment="setting", confounders=["age"])
    assert (two.choice.treated, two.choice.control) == ("adjuvant", "comparator")
    liver = compare_treatments(pooled_file(shares={"adjuvant": 1, "comparator": 1}), "liver", treatment="setting", confounders=["age"], estimand="overlap")
    assert set(liver.fits) == {(state, model) for state in ("Liver", "Death") for model in ("crude", "adjusted", "weighted")}


def test_three_settings_need_names():
    with pytest.raises(EndpointError, match=r"Setting has 3 levels \(adjuvant, unresectable and comparator\): name both"):
        compare_treatments(pooled_file(), treatment="setting", confounders=["age"])


def test_the_setting_s_own_column_in_the_plan_is_the_setting_and_what_is_asked_goes_before_the_plan():
    made = pooled_file()
    treatment = {"column": "indication", "treated": "adjuvant", "control": "comparator", "confounders": ["age"], "estimand": "overlap"}
    content = made.plan.model_dump(exclude_unset=True, exclude_none=True)
    plan = make_plan({**content, "cohort": {**content["cohort"], "setting": "indication"}, "treatment": treatment})
    cohort = Cohort(plan, made.frame, made.source)
    found = compare_treatments(cohort)
    assert (found.choice.treatment, found.choice.estimand, found.choice.confounders) == ("setting", "overlap", ("age",))
    asked = compare_treatments(cohort, treatment="setting", control="unresectable", estimand="ATT", confounders=["sex", "age"])
    assert (asked.choice.treated, asked.choice.control, asked.choice.estimand) == ("adjuvant", "unresectable", "ATT")


@pytest.mark.parametrize("what", ["ATE", "overlap"])
def test_the_other_way_round_only_the_sign_changes(what):
    one = compare_treatments(gbsg(), estimand=what).tidy()
    other = compare_treatments(gbsg(), estimand=what, treated="no", control="yes").tidy()
    near(other["estimate"], -one["estimate"], 1e-7)
    near(other["std_error"], one["std_error"], 1e-7)


# --- refused -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("asked", "said"), [
    ({}, r"The plan has no \[treatment\]"),
    ({"treatment": "pumps", "confounders": ["age"]}, 'There is no column "pumps" to be the treatment. Did you mean "pump"'),
    ({"treatment": "pump"}, "Name the confounders of Pump"),
    ({"treatment": "pump", "confounders": []}, "Without confounders this is the crude comparison"),
    ({"treatment": "pump", "confounders": ["age", "pump"]}, '"pump" is the treatment, and can\'t be a confounder'),
    ({"treatment": "pump", "confounders": ["agee"]}, 'is not a column of the plan. Did you mean "age"'),
    ({"treatment": "pump", "treated": "Maybe", "confounders": ["age"]}, 'Pump has no level "Maybe"'),
    ({"treatment": "pump", "treated": "Yes", "control": "Yes", "confounders": ["age"]}, 'both "Yes"'),
    ({"treatment": "pump", "confounders": ["age"], "estimand": "ATC"}, 'no estimand "ATC"'),
    ({"treatment": "pump", "confounders": ["age"], "replicates": 100}, "give rng="),
    ({"treatment": "age", "confounders": ["pump"]}, "different values: a treatment is a category"),
])  # fmt: skip
def test_what_can_not_be_asked(asked, said):
    with pytest.raises(EndpointError, match=said):
        compare_treatments(cohort_of(resected(), COLUMNS, FROM_RESECTION), **asked)


def test_an_unknown_endpoint_and_no_cohort():
    with pytest.raises(EndpointError, match='no endpoint "pfs"'):
        compare_treatments(cohort_of(resected(), COLUMNS, FROM_RESECTION), "pfs", **ASKED)
    with pytest.raises(EndpointError, match="takes a Cohort"):
        compare_treatments(resected(), **ASKED)


def test_one_level_and_nobody_with_a_level():
    frame = resected()
    frame["pump"], frame["pump_date"] = "No", pd.NaT
    cohort = cohort_of(frame, COLUMNS, FROM_RESECTION)
    with pytest.raises(EndpointError, match='patients have Pump "No": there is nobody to compare with'):
        compare_treatments(cohort, **ASKED)
    with pytest.raises(EndpointError, match='Nobody has Pump "Yes"'):
        compare_treatments(cohort, **ASKED, treated="Yes", control="No")


def test_a_confounder_that_tells_the_treatment_is_named_as_are_several_together():
    frame = resected()
    frame["told"] = np.where(frame["pump"] == "Yes", "Yes", np.where(frame.index % 2 == 0, "Yes", "No"))
    columns = {**COLUMNS, "told": category("No", "Yes")}
    with pytest.raises(SeparationError, match=r'Every patient with told "No" \(\d+\) had pump No.*leave the term out') as error:
        compare_treatments(cohort_of(frame, columns, FROM_RESECTION), treatment="pump", confounders=["age", "told"])
    assert error.value.term == "told"
    yes = (frame["pump"] == "Yes").to_numpy()
    rng = np.random.default_rng(1)
    frame["a"] = rng.normal(0, 5, len(frame))
    frame["b"] = np.where(yes, 3.0, -3.0) + rng.uniform(-1, 1, len(frame)) - frame["a"]  # a + b tells, neither alone does: no overlap of scores
    columns = {**COLUMNS, "a": NUMBER, "b": NUMBER}
    with pytest.raises(SeparationError, match="together tell without fail"):
        compare_treatments(cohort_of(frame, columns, FROM_RESECTION), treatment="pump", confounders=["a", "b"])


def test_few_events_are_said_with_the_number_and_none_is_refused():
    frame = resected(n=60)
    died = frame.index[frame["death"].notna()]
    frame.loc[died[6:], "death"] = pd.NaT
    found = compare_treatments(cohort_of(frame, COLUMNS, FROM_RESECTION), **ASKED)
    assert any(note.startswith("6 events (Death) for 1 coefficient of the confounders (6.0 each; 10 are advised)") for note in found.warnings)
    frame["death"] = pd.NaT
    with pytest.raises(FitError, match='Nobody had the event "Death"'):
        compare_treatments(cohort_of(frame, COLUMNS, FROM_RESECTION), **ASKED)


def test_a_group_without_events_keeps_its_curve_and_the_models_say_why_not():
    frame = resected(n=120)
    frame.loc[frame["pump"] == "Yes", "death"] = pd.NaT
    found = compare_treatments(cohort_of(frame, COLUMNS, FROM_RESECTION), **ASKED, replicates=30, rng=2)
    assert [refusal.model for refusal in found.refused] == ["crude", "adjusted", "weighted"]
    assert not found.fits
    assert not found.e_values
    assert set(found.tidy()["measure"]) == {"risk difference", "restricted mean difference"}
    assert any(note.startswith("Nobody with Yes had Death") for note in found.warnings)
    assert repr(found)


@pytest.mark.slow
def test_a_known_marginal_hazard_ratio_is_found_by_the_weights_and_missed_without():
    """Hazard ratio 0.6 over all patients (a Gaussian copula ties survival to two confounders); benchmarks/TREATMENTS.md has more of it."""
    from scipy.special import expit, ndtr

    rng, rows = np.random.default_rng(7), []
    plan = {"os": {"label": "Overall survival", "start": "resection", "events": {"Death": {"time": "months", "flag": "died"}}}}
    columns = {"arm": category("No", "Yes"), "fitness": NUMBER, "burden": NUMBER}
    for _ in range(200):
        fitness, burden = rng.normal(size=(2, 300))
        luck = ndtr(0.6 * fitness - 0.4 * burden + np.sqrt(0.48) * rng.normal(size=300))
        treated = rng.random(300) < expit(0.7 * fitness - 0.5 * burden)
        death, end = -np.log1p(-luck) / (0.02 * np.where(treated, 0.6, 1.0)), rng.uniform(40, 90, 300)
        frame = pd.DataFrame({"fitness": fitness, "burden": burden, "arm": np.where(treated, "Yes", "No"), "months": np.minimum(death, end), "died": (death <= end) * 1.0})
        rows.append(compare_treatments(cohort_of(frame, columns, plan), treatment="arm", confounders=["fitness", "burden"], times=[36]).tidy())
    every = pd.concat(rows)
    for measure, true in (("hazard ratio", np.log(0.6)), ("risk difference", np.exp(-0.72) - np.exp(-0.72 * 0.6))):
        own = dict(list(every[every["measure"] == measure].groupby("model")))
        weighted = own["weighted"]["estimate"]
        assert abs(weighted.mean() - true) < 4 * weighted.std() / np.sqrt(200) + 0.02
        crude = own["crude"]["estimate"]
        assert crude.mean() - true < -10 * crude.std() / np.sqrt(200)
        held = ((own["weighted"]["conf_low"] <= true) & (own["weighted"]["conf_high"] >= true)).mean()
        assert held > 0.9
