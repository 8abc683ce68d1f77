"""imputed_factors: against mice on the same completed frames, against mice's own imputation of real patients, and what it says and refuses."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import haip_outcomes as haip
from haip_outcomes.errors import EndpointError, FitError, SeparationError
from haip_outcomes.prognosis.missing import factors_with_imputation, paired_models
from haip_outcomes.prognosis.missing.factors_with_imputation import imputed_factors
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.covariates.splines import spline
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.imputation.chained_equations import impute
from haip_outcomes.survival.time_to_event import TimeToEvent

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
R = json.loads((REFERENCE / "imputed_factors.json").read_text(encoding="utf-8"))
SINGLES = ["age", "lbili", "albumin", "stage", "oedema", "spiders"]
TOGETHER = ["age", "lbili", "albumin", "oedema"]


def close(ours, theirs, tolerance=1e-8):
    ours, theirs = np.atleast_1d(np.asarray(ours, dtype=float)), np.atleast_1d(np.asarray(theirs, dtype=float))
    assert ours.shape == theirs.shape
    assert np.max(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-3)) <= tolerance, (ours, theirs)


@pytest.fixture(scope="module")
def pbc():
    return pd.read_csv(REFERENCE / "data" / "imputation_pbc_mar.csv")


@pytest.fixture(scope="module")
def times(pbc):
    return TimeToEvent.from_frame(pbc, time="months", state="state", states=["Transplant", "Death"])


@pytest.fixture
def same_frames(monkeypatch):
    """Our imputation gives the frames that R pooled, whatever numpy's random numbers are."""
    given = [one.reset_index(drop=True) for _, one in pd.read_csv(REFERENCE / "data" / "imputed_factors_pbc.csv").groupby(".imp")]

    def stored(frame, **options):
        made = impute(frame, **{**options, "imputations": 6, "rounds": 1})
        values = {}
        for column in made.incomplete:
            held = np.array([one.loc[column.missing, column.name] for one in given])
            values[column.name] = np.array([[column.levels.index(value) for value in row] for row in held.tolist()], dtype=float) if column.levels else held.astype(float)
        return replace(made, values=values)

    monkeypatch.setattr(factors_with_imputation, "impute", stored)


@pytest.fixture
def found(same_frames, pbc, times):
    return imputed_factors(times, pbc, SINGLES, multivariable=TOGETHER, cause="Death", auxiliary=["male"], rng=1)


def held_against(rows, tests, ratios, theirs):
    imputed, complete = (rows[rows["cases"] == cases].reset_index(drop=True) for cases in ("imputed", "complete"))
    full = theirs["complete"]
    for mine, name in (("estimate", "estimate"), ("std_error", "std_error"), ("conf_low", "low"), ("conf_high", "high"), ("p_value", "p_value")):
        close(complete[mine], full[name])
    assert set(complete["n"]) == {full["n"]}
    assert set(complete["n_event"]) == {full["n_event"]}
    pooled = theirs["pooled"]
    for mine, name in (("estimate", "estimate"), ("std_error", "std_error"), ("conf_low", "low"), ("conf_high", "high"), ("p_value", "p_value"), ("df", "df"),
                       ("fraction_missing", "fmi"), ("statistic", "statistic")):  # fmt: skip
        close(imputed[mine], pooled[name])
    close(imputed["monte_carlo_error"], np.sqrt(np.atleast_1d(pooled["between"]) / 6))
    assert set(imputed["n"]) == {312}
    for term, expected in theirs["D1"].items():
        mine = tests[(tests["term"] == term) & (tests["cases"] == "imputed")].iloc[0]
        for name, other in (("statistic", "statistic"), ("df", "df"), ("df_residual", "df_residual"), ("p_value", "p_value"), ("relative_increase", "r")):
            close(mine[name], expected[other])
        three = ratios[(ratios["term"] == term) & (ratios["cases"] == "imputed")].iloc[0]
        for name, other in (("statistic", "statistic"), ("df_residual", "df_residual"), ("p_value", "p_value"), ("relative_increase", "r")):
            close(three[name], theirs["D3"][term][other])
    for term, expected in full["tests"].items():
        if term not in theirs["D1"]:
            continue
        wald, ratio = (one[(one["term"] == term) & (one["cases"] == "complete")].iloc[0] for one in (tests, ratios))
        close(wald["statistic"] * wald["df"], expected["wald"])
        close(ratio["statistic"] * ratio["df"], expected["ratio"])
        assert wald["df"] == expected["k"]


@pytest.mark.parametrize("name", ["lbili", "albumin", "stage", "oedema", "spiders", "multivariable"])
def test_models_and_tests_as_mice_pools_them(found, name):
    model = found.multivariable if name == "multivariable" else found.univariable[name]
    held_against(model.tidy(), model.term_tests("wald"), model.term_tests("likelihood-ratio"), R["cause_specific"][name])


def test_an_interaction_is_made_from_imputed_columns(same_frames, pbc, times):
    made = imputed_factors(times, pbc, ["lbili*albumin"], multivariable=[], auxiliary=["age", "male", "stage", "oedema", "spiders"], cause="Death", rng=1)
    model = made.univariable["lbili*albumin"]
    held_against(model.tidy(), model.term_tests("wald"), model.term_tests("likelihood-ratio"), R["cause_specific"]["passive"])
    assert "interactions and splines made after columns are imputed" in made.method


def test_fine_gray_as_crr_pooled(same_frames, pbc, times):
    made = imputed_factors(times, pbc, ["lbili", "albumin"], auxiliary=["age", "male", "stage", "oedema", "spiders"], cause="Death", subdistribution=True, rng=1)
    rows = made.multivariable.tidy()
    theirs = R["fine_gray"]
    complete, imputed = rows[rows["cases"] == "complete"], rows[rows["cases"] == "imputed"]
    close(complete["estimate"], theirs["complete"]["b"], 1e-8)
    close(complete["std_error"], np.sqrt(theirs["complete"]["u"]), 1e-6)
    close(imputed["estimate"], [one["estimate"] for one in theirs["pooled"]], 1e-8)
    close(imputed["std_error"], np.sqrt([one["t"] for one in theirs["pooled"]]), 1e-6)
    close(imputed["df"], [one["df"] for one in theirs["pooled"]], 1e-6)
    assert made.measure == "subdistribution hazard ratio"
    assert "sHR" in repr(made)
    with pytest.raises(EndpointError, match="needs cause"):
        imputed_factors(times.only("Death"), pbc, ["lbili"], subdistribution=True, rng=1)


def test_patterns_and_who_is_different(found):
    patterns = found.patterns()
    ours = {"+".join(sorted(without.split(", "))) if without else "": n for without, n in zip(patterns["without"], patterns["n"], strict=True)}
    assert ours == dict(zip(R["patterns"]["without"], R["patterns"]["n"], strict=True))
    assert patterns["n"].sum() == 312
    assert not set(patterns.columns) & {"id", "index", "row"}
    missing = found.missing().set_index(["term", "group"])
    for theirs in R["by_column"]:
        row = missing.loc[(theirs["term"], "missing")]
        assert (row["n"], row["n_event"]) == (theirs["n"], theirs["n_event"])
        close([row["time"], row["p_value"]], [theirs["time"], theirs["p"]])
        close(row["rate"], 100 * theirs["n_event"] / theirs["time"])
        assert f"{theirs['term']}: those who lack it had" in " ".join(found.warnings) or theirs["p"] >= 0.05


def test_a_term_without_gaps_is_one_model(found, pbc, times):
    rows = found.univariable["age"].tidy().drop(columns=["cases", "fraction_missing", "monte_carlo_error"])
    assert rows.iloc[0].equals(rows.iloc[1])
    alone = cox(times, design(pbc, ["age"]), cause="Death").tidy()
    assert rows[alone.columns].iloc[0].equals(alone.iloc[0])
    tests = found.term_tests().query("model == 'univariable' and term == 'age'")
    assert tests["p_value"].nunique() == 1
    close(tests["p_value"].iloc[0], alone["p_value"].iloc[0], 1e-10)


def test_one_seed_one_result_and_one_imputation_for_all(pbc, times):
    first, again, other = (imputed_factors(times, pbc, ["lbili", "stage"], cause="Death", imputations=5, rounds=3, rng=seed) for seed in (4, 4, 5))
    pd.testing.assert_frame_equal(first.tidy(), again.tidy())
    assert not first.tidy().equals(other.tidy())
    assert len(first.imputed) == 5
    assert first.imputed.tte.states == ("Transplant", "Death")  # both causes tell of the gaps
    assert "cumulative hazard of Transplant and Death" in first.method
    for one, fit in zip(first.imputed, first.multivariable.pooled.fits, strict=True):
        np.testing.assert_array_equal(fit.design.matrix[:, 0], one["lbili"])


def test_nothing_missing_is_said():
    cohort = haip.demo_cohort().setting("unresectable")
    made = imputed_factors(cohort, "os", ["age", "sarcopenia"], rng=1)
    assert made.imputed is None
    assert any("Nothing is missing in any column" in warning for warning in made.warnings)
    assert "nothing missing, nothing imputed" in made.method
    rows = made.tidy()
    for _, pair in rows.groupby(["model", "term"]):
        close(pair["estimate"].iloc[0], pair["estimate"].iloc[1], 0)
    assert made.glance()["imputations"].tolist() == [0]
    with pytest.raises(EndpointError, match="delta shifts imputed values, and nothing is missing"):
        imputed_factors(cohort, "os", ["age", "sarcopenia"], delta={"age": 1}, rng=1)
    assert made.patterns()["without"].tolist() == [""]


def test_a_cohort_and_its_frame_agree():
    cohort = haip.demo_cohort().setting("unresectable")
    of_cohort = imputed_factors(cohort, "os", ["sarcopenia", "cea"], imputations=20, rounds=3, rng=3)
    of_frame = imputed_factors(cohort.endpoint("os"), cohort.frame.iloc[::-1], ["sarcopenia", "cea"], imputations=20, rounds=3, rng=3)
    pd.testing.assert_frame_equal(of_cohort.tidy(), of_frame.tidy())
    assert of_cohort.labels["cea"].startswith("Carcinoembryonic")
    assert "Carcinoembryonic" in of_cohort.method
    assert of_cohort.levels.query("term == 'cea'")["n_missing"].tolist() == [4]
    assert "HR" in repr(of_cohort)
    assert "missing at random" in of_cohort._repr_html_()


def test_splines_have_one_set_of_knots(pbc, times):
    made = imputed_factors(times, pbc, [spline("lbili", knots=3), "albumin"], cause="Death", imputations=4, rounds=2, rng=1)
    model = made.multivariable
    assert model.pooled is not None
    assert {fit.design.knots["lbili"] for fit in model.pooled.fits} == {model.complete.design.knots["lbili"]}
    assert made.tidy().query("term == 'lbili' and model == 'univariable' and cases == 'imputed'")["level"].tolist() == ["linear", "nonlinear"]


def test_strata_are_imputed_too(pbc, times):
    made = imputed_factors(times, pbc, ["lbili"], strata="spiders", cause="Death", imputations=4, rounds=2, rng=1)
    rows = made.tidy().set_index("cases")
    assert rows.loc["imputed", "n"] == 312
    both = pbc[["lbili", "spiders"]].notna().all(axis=1)
    assert rows.loc["complete", "n"] == both.sum()
    alone = cox(times.take(both.to_numpy()), design(pbc[both], ["lbili"]), cause="Death", strata=pbc.loc[both, "spiders"])
    close(rows.loc["complete", "estimate"], alone.coefficients[0], 1e-14)
    assert "stratified by spiders" in made.method


def test_warnings_give_the_number(pbc, times):
    wide = pbc.assign(albumin=pbc["albumin"].where(pbc.index % 3 == 0))
    made = imputed_factors(times, wide, ["albumin", "lbili"], cause="Death", imputations=3, rounds=2, rng=1)
    said = " ".join(made.warnings)
    lacking = wide[["albumin", "lbili"]].isna().any(axis=1).mean()
    assert f"albumin is missing in {int(wide['albumin'].isna().sum())} of 312 patients" in said
    assert f"3 imputations for {100 * lacking:.0f}% of patients with a gap" in said
    assert "(Monte Carlo error)" in said
    assert "missing at random" in said
    rows = made.tidy().query("cases == 'imputed'")
    share = (rows["monte_carlo_error"] / rows["std_error"]).max()
    assert f"by {100 * share:.0f}% of a standard error" in said


def test_failed_fits_are_counted_by_cause(pbc, times, monkeypatch):
    real, calls = paired_models._fitted, []

    def sometimes(rate):
        def fitted(tte, frame, terms, *others):
            calls.append(1)
            if frame[["lbili"]].notna().all(axis=None) and len(calls) % rate == 0:
                raise SeparationError("Nobody with it had the event.")
            return real(tte, frame, terms, *others)

        return fitted

    monkeypatch.setattr(paired_models, "_fitted", sometimes(30))
    made = imputed_factors(times, pbc, ["lbili"], cause="Death", imputations=40, rounds=1, penalty=None, rng=1)
    model = made.univariable["lbili"]
    assert model.failures == {"with a level without events, or all of them": 1}
    assert model.imputations == 39 == model.pooled.m
    assert any("1 of 40 fits to the imputations failed and are left out of what is pooled (1 with a level" in warning for warning in made.warnings)
    monkeypatch.setattr(paired_models, "_fitted", sometimes(10))
    made = imputed_factors(times, pbc, ["lbili"], cause="Death", imputations=40, rounds=1, penalty=None, rng=1)
    assert made.univariable["lbili"].pooled is None
    assert made.tidy()["cases"].tolist() == ["complete"]
    assert "of 40 fits failed (4 with a level without events, or all of them), more than 5%" in made.refused[0].reason


def test_firth_where_a_level_has_few_events():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"rare": np.r_[np.ones(6), np.zeros(74)].astype(int), "score": rng.normal(2, 1, 80), "months": rng.exponential(20, 80)})
    frame["dead"] = np.where(frame["rare"] == 1, 0, rng.random(80) < 0.7).astype(int)
    holes = frame.assign(score=frame["score"].where(rng.random(80) > 0.2))
    tte = TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    made = imputed_factors(tte, holes, ["rare", "score"], imputations=20, rounds=3, rng=1)
    model = made.multivariable
    assert all(fit.profile is not None for fit in (model.complete, *model.pooled.fits))
    assert np.isfinite(model.tidy()["estimate"]).all()
    assert any("Firth's penalty, for complete cases and imputed" in warning and "of the complete cases" in warning for warning in made.warnings)
    assert made.univariable["score"].complete.profile is None  # not where it is not needed
    assert made.method.startswith("Cox, Efron ties, with Firth's penalty where it is needed; 2 univariable models")
    kinds = made.term_tests("likelihood-ratio").set_index(["model", "cases", "term"])["test"]
    assert kinds["multivariable", "imputed", "rare"] == "Wald (D1)"
    assert kinds["univariable", "imputed", "score"] == "likelihood ratio (D3)"
    without = imputed_factors(tte, holes, ["rare", "score"], penalty=None, imputations=20, rounds=3, rng=1)
    assert "rare" not in without.univariable
    assert any(one.term == "rare" and one.model == "multivariable" for one in without.refused)
    with pytest.raises(EndpointError, match="penalty must be"):
        imputed_factors(tte, holes, ["rare"], penalty="ridge", rng=1)
    with pytest.raises(EndpointError, match="'wald', 'likelihood-ratio' or 'stacked'"):
        made.term_tests("D1")


def test_firth_by_all_patients_where_complete_cases_give_no_model():
    cohort = haip.demo_cohort()
    made = imputed_factors(cohort, "os", ["sarcopenia*extrahepatic_disease", "cea"], imputations=10, rounds=3, rng=1)
    assert any(one.model == "multivariable" and one.cases == "complete" and "0 for everybody" in one.reason for one in made.refused)
    assert all(fit.profile is not None for fit in made.multivariable.pooled.fits)


def test_delta_moves_what_is_drawn(pbc, times):
    columns = ["age", "lbili", "spiders"]
    base, up = (impute(pbc, tte=times, columns=columns, imputations=30, rounds=4, delta=delta, rng=2) for delta in (None, {"lbili": 1.0, "spiders": np.log(4)}))
    lift = up.values["lbili"].mean() - base.values["lbili"].mean()
    assert abs(lift / pbc["lbili"].std() - 1) < 0.25
    odds = [shares / (1 - shares) for shares in (each.values["spiders"].mean() for each in (base, up))]
    assert 2 < odds[1] / odds[0] < 8
    assert "shifted, lbili by +1 standard deviations and spiders by +1.38629 in the log odds" in up.method
    none = impute(pbc, tte=times, columns=columns, imputations=30, rounds=4, delta={"lbili": 0.0}, rng=2)
    np.testing.assert_array_equal(none.values["lbili"], base.values["lbili"])
    made = imputed_factors(times, pbc, columns, cause="Death", imputations=5, rounds=2, delta={"lbili": -1}, rng=2)
    assert "a sensitivity analysis: imputed values shifted, lbili by -1" in made.method
    for bad, match in (({"age": 1}, "not imputed: name lbili or spiders"), ({"lbili": "1"}, "must be a number"), (3, "names columns and their shifts")):
        with pytest.raises(EndpointError, match=match):
            impute(pbc, tte=times, columns=columns, delta=bad, rng=2)
    with pytest.raises(EndpointError, match="two levels by logistic regression"):
        impute(pbc, tte=times, columns=["age", "oedema"], delta={"oedema": 1}, rng=2)


def test_delta_with_known_answer():
    """One gap-ridden number that nothing tells of: its drawn mean is the known mean plus delta standard deviations."""
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({"x": rng.normal(50, 10, 400), "months": rng.exponential(20, 400), "dead": 1})
    frame.loc[rng.random(400) < 0.3, "x"] = np.nan
    tte = TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    drawn = [impute(frame, tte=tte, columns=["x"], imputations=200, rounds=1, delta={"x": by} if by else None, rng=1).values["x"].mean() for by in (0.0, 0.5, -2.0)]
    std = frame["x"].std()
    close([drawn[1] - drawn[0], drawn[2] - drawn[0]], [0.5 * std, -2 * std], 1e-12)


def test_what_cant_be_imputed_is_refused_and_the_rest_goes_on(pbc, times):
    bad = pbc.assign(nothing=np.nan, same=3.0, when=pd.Timestamp("2020-01-01"), name=[f"patient {i}" for i in range(312)])
    made = imputed_factors(times, bad, ["lbili", "nothing", "same", "when", "name"], auxiliary=["albumin", "same"], cause="Death", imputations=3, rounds=1, rng=1)
    reasons = {(one.term, one.model): one.reason for one in made.refused}
    assert "has no value in any of 312 rows" in reasons["nothing", "univariable"]
    assert "a constant tells nothing" in reasons["same", "univariable"]
    assert "a constant tells nothing" in reasons["same", "imputation"]
    assert "datetime" in reasons["when", "univariable"]
    assert "312 levels" in reasons["name", "multivariable"]
    assert "patient 7" not in repr(made)
    assert "only lbili is left" in reasons["", "multivariable"]
    assert list(made.univariable) == ["lbili"]
    assert "Refused, univariable, nothing" in repr(made)
    with pytest.raises(EndpointError, match=r"Nothing is left to model.*no value in any.*a constant"):
        imputed_factors(times, bad, ["nothing", "same"], cause="Death", rng=1)


def test_too_many_terms_for_the_events(pbc, times):
    early = pbc.head(40)
    tte = TimeToEvent.from_frame(early, time="months", state="state", states=["Transplant", "Death"])
    made = imputed_factors(tte, early, ["age", "lbili", "albumin", "stage", "spiders", "male"], cause="Transplant", imputations=5, rounds=2, rng=1)
    assert made.multivariable is None
    assert any("can't carry" in one.reason and one.model == "multivariable" for one in made.refused)


def test_what_is_refused(pbc, times):
    cohort = haip.demo_cohort().setting("unresectable")
    with pytest.raises(TypeError, match="rng"):
        imputed_factors(cohort, "os", ["cea"])
    for seed in (None, 1.5, True, "1"):
        with pytest.raises(EndpointError, match="rng must be a seed"):
            imputed_factors(cohort, "os", ["cea"], rng=seed)
    with pytest.raises(EndpointError, match="Which endpoint"):
        imputed_factors(cohort, cohort.frame, ["cea"], rng=1)
    with pytest.raises(EndpointError, match="a TimeToEvent and a data frame"):
        imputed_factors(cohort.frame, "os", ["cea"], rng=1)
    with pytest.raises(EndpointError, match="covariates come as a data frame"):
        imputed_factors(times, "os", ["lbili"], rng=1)
    with pytest.raises(EndpointError, match=r'no column "ceaa".*Did you mean "cea".*no column "scor"'):
        imputed_factors(cohort, "os", ["ceaa"], auxiliary=["scor"], rng=1)
    with pytest.raises(EndpointError, match="No terms"):
        imputed_factors(cohort, "os", [], rng=1)
    with pytest.raises(EndpointError, match="cause"):
        imputed_factors(times, pbc, ["lbili"], rng=1)
    with pytest.raises(EndpointError, match="imputations must be a whole number"):
        imputed_factors(cohort, "os", ["cea"], imputations=1, rng=1)
    with pytest.raises(FitError, match="Nobody had the event"):
        imputed_factors(TimeToEvent.from_frame(pbc.assign(state=0), time="months", state="state", states=["Death"]), pbc, ["lbili"], rng=1)


def test_what_is_known_only_later_is_no_factor():
    cohort = haip.demo_cohort().setting("unresectable")
    made = imputed_factors(cohort, "os", ["cea", "converted_to_resection"], imputations=5, rounds=1, rng=1)
    assert "immortal time" in next(one.reason for one in made.refused if one.term == "converted_to_resection" and one.model == "univariable")
    assert "converted_to_resection" not in made.columns
    with pytest.raises(EndpointError, match="immortal time"):
        imputed_factors(cohort, "os", ["cea"], strata="converted_to_resection", rng=1)


def test_tcia_as_mice_imputes_it(workbook):
    """29 missing clinical risk scores: pooled hazard ratios within Monte Carlo error of mice's, 200 imputations each."""
    theirs = json.loads((REFERENCE / "tcia_imputed_factors.json").read_text(encoding="utf-8"))
    cohort = haip.read_cohort(workbook, "cohorts/tcia_crlm/plan.toml")
    terms = ["age", "sex", "extrahep_disease", "clinrisk_score", "chemo_before_liver_resection"]
    for endpoint, cause, name in (("os", None, "os"), ("first_site", "Liver", "liver_first")):
        made = imputed_factors(cohort, endpoint, terms, cause=cause, imputations=200, rng=5)
        assert made.glance()["n_incomplete"].tolist() == [29]
        for model in ("multivariable", "univariable"):
            ours = made.tidy().query("cases == 'imputed' and model == @model").set_index("term")
            for term, estimate, se, within, between in zip(*(np.atleast_1d(theirs[name][model][key]) for key in ("term", "estimate", "std_error", "within", "between")), strict=True):
                error = np.hypot(ours.loc[term, "monte_carlo_error"], np.sqrt(between / 200))
                assert abs(ours.loc[term, "estimate"] - estimate) < 4 * error, (name, model, term)
                assert abs(ours.loc[term, "std_error"] / se - 1) < 0.02, (name, model, term)
                own = made.multivariable.pooled if model == "multivariable" else made.univariable[term].pooled
                j = [one for one, _ in own.columns].index(term)
                assert abs(own.within[j, j] / within - 1) < 0.01
                assert abs(own.between[j, j] / between - 1) < 0.45  # each known to 10%


def small_centre(rng, n=60):
    """60 patients as a centre has them: sarcopenia (HR 2.4), a score (HR 1.3 a point) and a marker that tells of it; half die in the time they are followed.

    The score is missing in 6 of 10 of the sarcopenic who died and in 1 of 10 of the others: at random, given what is known.
    """
    sarcopenia = (rng.random(n) < 0.5).astype(int)
    score = np.clip(np.round(2 + 0.5 * sarcopenia + rng.normal(0, 1.1, n)), 0, 5)
    marker = score + rng.normal(0, 1, n)
    death = rng.exponential(1, n) / (0.010 * np.exp(np.log(2.4) * sarcopenia + np.log(1.3) * score))
    end = rng.uniform(12, 60, n)
    dead = (death <= end).astype(int)
    frame = pd.DataFrame({"sarcopenia": sarcopenia, "score": score, "marker": marker, "months": np.minimum(death, end), "dead": dead})
    gone = rng.random(n) < np.where((dead == 1) & (sarcopenia == 1), 0.6, 0.1)
    return frame, frame.assign(score=frame["score"].where(~gone))


def simulated(cohorts, seed):
    """For whole data, complete cases and imputed: mean estimate, mean standard error and coverage of both coefficients."""
    rng = np.random.default_rng(seed)
    truth, rows = {"sarcopenia": np.log(2.4), "score": np.log(1.3)}, []
    for _ in range(cohorts):
        whole, holes = small_centre(rng)
        tte = TimeToEvent.from_frame(whole, time="months", state="dead", states=["Death"])
        try:
            fit = cox(tte, design(whole, ["sarcopenia", "score"]))
            made = imputed_factors(tte, holes, ["sarcopenia", "score"], auxiliary=["marker"], imputations=30, rounds=5, rng=rng)
        except FitError:
            continue
        found = made.tidy().query("model == 'multivariable'")
        if len(found) < 4:
            rows.append({"cases": "refused", "events": fit.n_event})
            continue
        found = pd.concat([found, fit.tidy().assign(cases="whole")])
        for row in found.to_dict("records"):
            rows.append({"cases": row["cases"], "term": row["term"], "estimate": row["estimate"], "std_error": row["std_error"], "n": row["n"], "n_event": row["n_event"],
                         "covered": row["conf_low"] <= truth[row["term"]] <= row["conf_high"]})  # fmt: skip
    made = pd.DataFrame(rows)
    told = made.dropna(subset=["estimate"]).groupby(["term", "cases"])[["estimate", "std_error", "covered", "n", "n_event"]].mean().astype(float)
    return told, int((made["cases"] == "refused").sum()), truth


@pytest.mark.slow
def test_small_cohorts_whose_gaps_go_with_the_outcome():
    """The table of docs/imputation.md, from fewer cohorts: complete cases lose the effect of sarcopenia, the imputed keep it and their limits hold the truth."""
    told, _, truth = simulated(400, 7)
    assert told.loc[("sarcopenia", "complete"), "estimate"] < truth["sarcopenia"] - 0.3
    assert abs(told.loc[("sarcopenia", "imputed"), "estimate"] - told.loc[("sarcopenia", "whole"), "estimate"]) < 0.06
    assert told.loc[("sarcopenia", "complete"), "covered"] < 0.90
    for term in ("sarcopenia", "score"):
        assert 0.92 < told.loc[(term, "imputed"), "covered"] <= 0.99


def seen_in_few(known, seed=0, n=200):
    """k with a log hazard ratio of 0.8, known for all without the event and for so many with it."""
    rng = np.random.default_rng(seed)
    k = rng.normal(size=n)
    death, end = rng.exponential(20 * np.exp(-0.8 * k)), rng.uniform(5, 40, n)
    frame = pd.DataFrame({"k": k, "z": rng.normal(size=n), "t": np.minimum(death, end), "e": (death <= end).astype(int)})
    frame.loc[np.flatnonzero(frame["e"] == 1)[known:], "k"] = np.nan
    return frame, TimeToEvent.from_frame(frame, time="t", state="e", states=["Death"])


@pytest.mark.parametrize("known", [0, 3, 4])
def test_a_factor_that_those_with_the_event_lack_has_no_pooled_result(known):
    frame, tte = seen_in_few(known)
    made = imputed_factors(tte, frame, ["k", "z"], imputations=5, rng=1)
    reasons = {(one.model, one.cases): one.reason for one in made.refused if one.term == "k"}
    total = int(frame["e"].sum())
    assert f'"k" is known of {known} of {total} patients with the event (Death) and {200 - total} of {200 - total} without' in reasons["univariable", "imputed"]
    assert "at least 5 are needed" in reasons["univariable", "imputed"]
    assert "leave it out" in reasons["multivariable", ""]
    assert made.tidy().query("term == 'k' and cases == 'imputed'").empty
    assert made.tidy().query("term == 'z'")["cases"].tolist() == ["complete", "imputed"]
    assert made.imputed is None
    assert "nothing imputed: k can't be, and nothing else is missing" in made.method
    assert not any("Nothing is missing" in warning for warning in made.warnings)
    assert made.patterns()["without"].tolist() == (["k", ""] if total - known > 100 else ["", "k"])
    with pytest.raises(EndpointError, match="nothing is imputed"):
        imputed_factors(tte, frame, ["k", "z"], delta={"k": 1}, imputations=5, rng=1)
    frame.loc[:20, "z"] = np.nan  # the rest is imputed without it, also where it is auxiliary
    made = imputed_factors(tte, frame, ["z"], auxiliary=["k"], imputations=5, rng=1)
    assert [column.name for column in made.imputed.columns] == ["z"]
    assert [(one.term, one.model) for one in made.refused] == [("k", "imputation")]
    assert made.univariable["z"].pooled is not None


def test_few_events_with_the_value_are_said_and_all_of_them_are_enough():
    frame, tte = seen_in_few(8)
    made = imputed_factors(tte, frame, ["k", "z"], imputations=5, rng=1)
    assert any("k is known of 8 of" in warning and "learnt from few" in warning for warning in made.warnings)
    few = frame.assign(e=(np.cumsum(frame["e"]) <= 4) * frame["e"], k=np.where(np.arange(200) % 9, frame["z"] + 1, np.nan))
    few["k"] = few["k"].where(few["e"] == 0, few["z"])
    made = imputed_factors(TimeToEvent.from_frame(few, time="t", state="e", states=["Death"]), few, ["k"], imputations=5, rng=1)
    assert made.univariable["k"].pooled is not None  # four events in all, and all have the value
    turned = frame.assign(k=frame["z"].where(frame["e"] == 1))
    made = imputed_factors(tte, turned, ["k"], imputations=5, rng=1)
    assert "what those without the event have can't be learnt" in made.refused[0].reason


def test_a_competing_event_that_nobody_with_the_value_had():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"k": rng.normal(size=150), "t": rng.exponential(10, 150), "s": np.arange(150) % 3})
    frame["k"] = frame["k"].where(frame["s"] != 2)
    tte = TimeToEvent.from_frame(frame, time="t", state="s", states=["Recurrence", "Death"])
    made = imputed_factors(tte, frame, ["k"], cause="Recurrence", imputations=5, rng=1)
    assert "0 of 50 patients with the event (Death)" in made.refused[0].reason
    assert "what those with Death have can't be learnt" in made.refused[0].reason


@pytest.mark.parametrize("seed", range(12))
def test_on_complete_data_the_rows_are_those_of_factors(seed):
    """Random columns and models, nothing missing: the same estimates, limits and refusals as `factors`, complete and imputed."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(40, 160))
    frame = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n), "b": rng.random(n) < rng.choice([0.06, 0.4]), "many": rng.choice(list("abcdefghijklmnopqrstuvwxyz"), n),
                          "g": pd.Categorical(rng.choice(["u", "v", "w"], n, p=[0.6, 0.3, 0.1]), categories=["q", "u", "v", "w"]), "s": rng.choice(["one", "two"], n)})  # fmt: skip
    death, end = rng.exponential(20 * np.exp(-0.6 * frame["x"] - 0.5 * frame["b"])), rng.uniform(10, 60, n)
    frame["t"], frame["e"] = np.ceil(np.minimum(death, end)), np.where(death > end, 0, 1 + (rng.random(n) < 0.3))
    frame["order"] = -(frame["t"].rank(method="first") // 6)  # tells who is next, or nearly
    several = bool(seed % 2)
    tte = TimeToEvent.from_frame(frame if several else frame.assign(e=(frame["e"] > 0).astype(int)), time="t", state="e", states=["Death", "Other"] if several else ["Death"])
    terms = [["x", "z", "x:z"], ["x", "b", "g"], ["order", "z", "b"], ["x", "x*g", "b:z", "b"], ["many", "x"], ["z", "g", "x:b"]][seed % 6]
    options = {"strata": "s" if seed % 4 == 3 else None, "cause": "Death" if several else None, "penalty": [None, "where needed", "firth", "where needed"][seed % 4]}
    expected, made = haip.factors(tte, frame, terms, **options), imputed_factors(tte, frame, terms, rng=1, **options)
    theirs = expected.tidy()
    theirs = theirs[theirs["model"].isin(["univariable", "multivariable"])].reset_index(drop=True)
    for cases in ("complete", "imputed"):
        ours = made.tidy()[lambda rows, cases=cases: rows["cases"] == cases].reset_index(drop=True)
        assert ours[["model", "term"]].to_numpy().tolist() == theirs[["model", "term"]].to_numpy().tolist()
        assert ours["level"].fillna("").tolist() == theirs["level"].fillna("").tolist()
        for column in ("estimate", "std_error", "conf_low", "conf_high", "p_value", "n", "n_event"):
            close(ours[column], theirs[column], 1e-9)
    assert {(one.term, one.model) for one in made.refused} == {(one.term, one.model) for one in expected.refused if "subdistribution" not in one.model}
    if several:
        theirs = expected.tidy().query("model.str.endswith('subdistribution')").reset_index(drop=True)
        ours = imputed_factors(tte, frame, terms, rng=1, **{**options, "penalty": None}, subdistribution=True).tidy().query("cases == 'imputed'").reset_index(drop=True)
        close(ours["estimate"], theirs["estimate"], 1e-9)
        close(ours["std_error"], theirs["std_error"], 1e-9)


def test_firth_where_the_likelihood_has_no_maximum():
    n, rng = 80, np.random.default_rng(0)
    frame = pd.DataFrame({"t": np.arange(1, n + 1.0), "e": 1, "s": (n - np.arange(1, n + 1)) // 8, "w": rng.normal(size=n)})
    holes = frame.assign(w=frame["w"].where(rng.random(n) > 0.2))
    tte = TimeToEvent.from_frame(frame, time="t", state="e", states=["Death"])
    made = imputed_factors(tte, holes, ["s", "w"], imputations=6, rounds=2, rng=1)
    assert all(fit.profile is not None for fit in (made.multivariable.complete, *made.multivariable.pooled.fits))
    assert any("its likelihood has no maximum in 7 of 7 fits, because s always tells who has the event next" in warning for warning in made.warnings)
    known = holes["w"].notna().to_numpy()
    alone = cox(tte.take(known), design(holes[known], ["s", "w"]), penalty="firth")
    close(made.multivariable.complete.coefficients, alone.coefficients, 1e-12)
    without = imputed_factors(tte, holes, ["s", "w"], imputations=6, rounds=2, penalty=None, rng=1)
    assert {one.term for one in without.refused} == {"s", ""}


def test_the_outcome_is_no_factor_also_where_nothing_is_missing():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"t": rng.exponential(10, 60), "e": np.arange(60) % 2, "x": rng.normal(size=60)})
    frame["vital"], frame["weeks"] = np.where(frame["e"] == 1, "Dead", "Alive"), frame["t"] * 4.348
    tte = TimeToEvent.from_frame(frame, time="t", state="e", states=["Death"])
    for own in (frame, frame.assign(x=frame["x"].where(np.arange(60) % 7 > 0))):
        made = imputed_factors(tte, own, ["x", "vital", "weeks"], auxiliary=["e"], imputations=3, rounds=1, rng=1)
        assert list(made.univariable) == ["x"]
        reasons = {(one.term, one.model): one.reason for one in made.refused}
        assert '"vital" tells who had the event (Death): 30 of 30' in reasons["vital", "univariable"] == reasons["vital", "multivariable"]
        assert "how long a patient was followed" in reasons["weeks", "univariable"]
        assert "outcome in another form" in reasons["e", "imputation"]
    with pytest.raises(EndpointError, match=r"strata: .*outcome in another form"):
        imputed_factors(tte, frame, ["x"], strata="vital", rng=1)


def test_small_p_values_are_never_zero():
    frame, _ = seen_in_few(200)
    frame["k"] = frame["k"].where((frame["e"] == 0) | (np.arange(200) % 3 == 0))
    made = imputed_factors(TimeToEvent.from_frame(frame, time="t", state="e", states=["Death"]), frame, ["k"], imputations=5, rounds=2, rng=1)
    said = next(warning for warning in made.warnings if "those who lack it had" in warning)
    assert "(log-rank p <0.001)" in said
