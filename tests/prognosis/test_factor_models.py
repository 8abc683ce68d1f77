"""Prognostic factors of a small made-up cohort: the models are cox's own, and what can't be fitted says why."""

import copy
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from haip_outcomes.errors import EndpointError, FitError
from haip_outcomes.prognosis.baseline.factor_models import factors
from haip_outcomes.prognosis.baseline.outcome_as_factor import nearly_tells, tells_the_outcome
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.hazards.diagnostics import proportional_hazards
from haip_outcomes.survival.time_to_event import TimeToEvent


class SmallCohort:
    """What `factors` asks of a cohort, and no more."""

    def __init__(self, frame):
        self.methods = {}
        self.frame = frame
        labels = {
            "age": "Age",
            "sarcopenia": "Sarcopenia",
            "risk": "Clinical risk score",
            "setting": "Setting",
        }
        self.plan = SimpleNamespace(label=lambda column: labels.get(column, column))

    def __getitem__(self, column):
        return self.frame[column]

    def endpoint(self, name):
        states = {"os": ["Death"], "liver": ["Liver", "Death"]}
        if name not in states:
            raise EndpointError(f'The plan has no endpoint "{name}".')
        return TimeToEvent.from_frame(
            self.frame, time="months", state=name, states=states[name], time_zero="pump placement"
        )


def cohort(n=120, seed=4):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "age": rng.normal(62, 9, n).round(1),
        "sarcopenia": pd.Categorical(rng.choice(["No", "Yes"], n), categories=["No", "Yes"]),
        "risk": rng.integers(0, 6, n).astype(float), "setting": rng.choice(["adjuvant", "unresectable"], n),
        "stage": pd.Categorical(rng.choice(["I", "II", "III"], n), categories=["I", "II", "III", "IV"]),
        "hospital": "ours", "seen": pd.Timestamp("2020-01-01"),
    }, index=np.arange(2, n + 2))  # fmt: skip
    hazard = np.exp(0.03 * (frame["age"] - 62) + 0.7 * (frame["sarcopenia"] == "Yes"))
    time = rng.exponential(30 / hazard)
    frame["months"] = np.minimum(time, 60).round(1) + 0.1
    frame["os"] = (time < 60).astype(int)
    frame["liver"] = np.where(rng.random(n) < 0.5, 1, 2) * frame["os"]
    frame.loc[frame.index[:20], "risk"] = np.nan
    frame["marker"] = pd.Categorical(
        np.where(frame["os"].eq(0) & (np.arange(n) % 2 == 0), "rare", "usual"), categories=["usual", "rare"]
    )
    return SmallCohort(frame)


COLUMNS = [
    "model",
    "term",
    "level",
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
    "statistic",
    "p_value",
    "n",
    "n_event",
    "penalty",
]


def test_the_models_are_those_of_cox():
    small = cohort()
    found = factors(small, "os", ["age", "sarcopenia", "risk", "stage"])
    tte, frame = small.endpoint("os"), small.frame
    for term in ["age", "sarcopenia", "risk", "stage"]:
        alone = cox(tte, design(frame, [term], missing="complete-case"))
        ours = found.tidy().query("model == 'univariable' and term == @term")
        assert ours["estimate"].tolist() == alone.coefficients.tolist()
        assert ours["n"].unique().tolist() == [alone.n]
        zph = found.proportional_hazards.query("model == 'univariable' and term == @term")
        assert zph["p_value"].tolist() == proportional_hazards(alone).tidy()["p_value"].tolist()[:1]
    joint = cox(tte, design(frame, ["age", "sarcopenia", "risk", "stage"], missing="complete-case"))
    ours = found.tidy(exponentiate=True).query("model == 'multivariable'")
    assert ours["estimate"].tolist() == np.exp(joint.coefficients).tolist()
    assert ours["n"].unique().tolist() == [100]
    assert list(found.tidy().columns) == COLUMNS
    assert found.proportional_hazards.query("model == 'multivariable'")["term"].tolist() == [
        "age",
        "sarcopenia",
        "risk",
        "stage",
        "GLOBAL",
    ]
    assert list(found.proportional_hazards.columns) == ["model", "term", "statistic", "df", "p_value"]
    assert found.refused == ()
    assert (
        "multivariable model of Age, Sarcopenia, Clinical risk score and stage: 100 of 120 patients, 20 without Clinical risk score"
        in found.method
    )
    assert "4 univariable models, 100 to 120 of 120 patients each" in found.method
    assert "sarcopenia Yes: HR" in repr(found)
    assert "<table" in found._repr_html_()


def test_levels_count_every_patient_once():
    found = factors(cohort(), "os", ["age", "sarcopenia", "risk", "stage"])
    levels = found.levels
    assert list(levels.columns) == ["term", "level", "n", "n_event", "reference"]
    assert levels.query("term == 'stage'")["level"].tolist() == ["I", "II", "III"]
    assert levels.query("term == 'stage'")["n"].sum() == 120
    assert levels[levels["reference"]]["level"].tolist() == ["No", "I"]
    assert levels.query("term == 'risk'")["n"].tolist() == [100]
    assert levels.query("term == 'risk'")["level"].tolist() == [None]


def test_strata_and_cause():
    small = cohort()
    found = factors(small, "os", ["age", "sarcopenia"], strata="setting")
    alone = cox(small.endpoint("os"), design(small.frame, ["age"]), strata=small["setting"])
    assert found.tidy()["estimate"][0] == alone.coefficients[0]
    assert "stratified by Setting" in found.method
    with pytest.raises(EndpointError, match="factors without a cause takes one kind of event"):
        factors(small, "liver", ["age"])
    liver = factors(small, "liver", ["age", "sarcopenia"], cause="Liver")
    assert "cause-specific hazard of Liver, Death censored" in liver.method
    assert liver.univariable["age"].n_event == (small.frame["liver"] == 1).sum()


def test_what_cannot_be_fitted_is_refused_and_the_rest_goes_on():
    found = factors(cohort(), "os", ["age", "hospital", "marker", "seen", "sarcopenia"], penalty=None)
    reasons = {(r.model, r.term): r.reason for r in found.refused}
    assert '"hospital" is "ours" for all 120 patients' in reasons["univariable", "hospital"]
    assert 'with marker "rare" had the event' in reasons["univariable", "marker"]
    assert "can't be a covariate" in reasons["univariable", "seen"]
    for term in ("hospital", "marker", "seen"):
        assert ("multivariable", term) in reasons
    assert found.tidy().query("model == 'multivariable'")["term"].tolist() == ["age", "sarcopenia"]
    assert found.multivariable.n == 120
    assert found.levels.query("term == 'marker' and level == 'rare'")["n_event"].tolist() == [0]
    assert "Refused, univariable hospital" in repr(found)


def test_a_constant_term_does_not_cost_patients():
    small = cohort()
    small.frame["always"] = np.where(np.arange(120) < 30, None, "x")
    found = factors(small, "os", ["age", "sarcopenia", "always"])
    assert found.multivariable.n == 120


def test_a_term_that_says_the_same_is_left_out_of_the_joint_model():
    small = cohort()
    small.frame["years"] = small.frame["age"] * 2
    found = factors(small, "os", ["age", "years", "sarcopenia"])
    assert [(r.model, r.term) for r in found.refused] == [("multivariable", "years")]
    assert set(found.univariable) == {"age", "years", "sarcopenia"}


def test_few_events():
    small = SmallCohort(cohort().frame.iloc[:24])
    total = int(small.frame["os"].sum())
    assert 15 <= total < 25
    found = factors(small, "os", ["age", "sarcopenia", "stage", "setting"])
    assert found.multivariable is None
    assert [(r.model, r.term) for r in found.refused] == [("multivariable", "")]
    assert "at least 5 are needed" in found.refused[0].reason
    assert "would fit, as those of age, sarcopenia" in found.refused[0].reason
    assert set(found.tidy()["model"]) == {"univariable"}
    some = factors(small, "os", ["age", "sarcopenia", "setting"])
    assert some.multivariable is not None
    assert any(warning.startswith("Multivariable model:") for warning in some.warnings)
    glance = some.glance().set_index(["model", "term"])
    assert glance.loc[("multivariable", ""), "coefficients"] == 3
    assert glance.loc[("multivariable", ""), "events_per_coefficient"] == total / 3
    assert glance.loc[("univariable", "age"), "events_per_coefficient"] == total


def test_the_multivariable_terms_can_be_chosen():
    found = factors(cohort(), "os", ["age", "sarcopenia", "risk"], multivariable=["age", "sarcopenia"])
    assert found.multivariable.design.terms == ("age", "sarcopenia")
    assert found.multivariable.n == 120
    assert factors(cohort(), "os", ["age", "sarcopenia"], multivariable=[]).multivariable is None
    alone = factors(cohort(), "os", ["age"])
    assert alone.multivariable is None
    assert alone.refused == ()
    only = factors(cohort(), "os", ["age", "hospital"])
    assert "only age is left" in only.refused[-1].reason


def test_interactions():
    found = factors(cohort(), "os", ["age*sarcopenia", "setting"])
    assert found.univariable["age*sarcopenia"].design.terms == ("age", "sarcopenia", "age:sarcopenia")
    assert found.labels["age*sarcopenia"] == "Age × Sarcopenia"
    assert found.multivariable.design.terms == ("age", "sarcopenia", "setting", "age:sarcopenia")


def test_nothing_fitted_raises_with_every_reason():
    small = cohort()
    with pytest.raises(
        FitError, match=r"No model could be fitted. hospital: .*constant.* marker: .*had the event"
    ):
        factors(small, "os", ["hospital", "marker"], penalty=None)
    nobody = SmallCohort(small.frame.assign(os=0))
    with pytest.raises(FitError, match='Nobody had the event "Death"'):
        factors(nobody, "os", ["age"])
    with pytest.raises(EndpointError, match=r'no column "agee". Did you mean "age"'):
        factors(small, "os", ["agee"])
    with pytest.raises(EndpointError, match="no endpoint"):
        factors(small, "pfs", ["age"])


def test_a_level_with_few_events_is_penalised_and_it_is_said():
    small = cohort()
    found = factors(small, "os", ["age", "marker", "sarcopenia"])
    tte = small.endpoint("os")
    alone = cox(tte, design(small.frame, ["marker"]), penalty="firth")
    assert found.univariable["marker"].coefficients.tolist() == alone.coefficients.tolist()
    joint = cox(tte, design(small.frame, ["age", "marker", "sarcopenia"]), penalty="firth")
    assert found.multivariable.coefficients.tolist() == joint.coefficients.tolist()
    assert [(one.model, one.term) for one in found.penalised] == [("univariable", "marker"), ("multivariable", "")]
    assert 'no event among 6 patients with marker "rare"' in found.penalised[0].reason
    tidy = found.tidy().set_index(["model", "term"])["penalty"]
    assert tidy["univariable", "marker"] == "firth"
    assert tidy["univariable", "age"] == ""
    assert "Firth's penalty, limits and p by profile penalised likelihood: univariable marker and multivariable model" in found.method
    told = [(one.model, one.term) for one in found.not_tested]
    assert told == [("proportional hazards, univariable", "marker"), ("proportional hazards, multivariable", "")]
    assert set(found.proportional_hazards["term"]) == {"age", "sarcopenia"}


@pytest.mark.parametrize(("events", "penalty"), [(4, "firth"), (5, "")])
def test_the_penalty_begins_under_five_events(events, penalty):
    small = cohort()
    died = small.frame.index[small.frame["os"] == 1]
    small.frame["new"] = pd.Categorical(np.where(small.frame.index.isin(died[:events]) | small.frame["os"].eq(0), "a", "b"), categories=["b", "a"])
    found = factors(small, "os", ["new"])
    assert found.tidy()["penalty"].tolist() == [penalty]
    assert found.not_tested == ()  # without the penalty there is a maximum too
    assert factors(small, "os", ["new"], penalty="firth").tidy()["penalty"].tolist() == ["firth"]
    assert factors(small, "os", ["new"], penalty=None).tidy()["penalty"].tolist() == [""]


def test_a_perfect_predictor_is_told():
    small = cohort()
    small.frame["survived"] = small.frame["months"] + np.where(small.frame["os"] == 1, 0, np.arange(120) * 3.0)  # who is next has always the lowest
    found = factors(small, "os", ["survived", "age"])
    assert any(told.startswith("survived always tells who has the event next") for told in found.warnings)
    assert any("its likelihood has no maximum" in one.reason for one in found.penalised)
    with pytest.raises(FitError, match="runs off to infinity"):
        factors(small, "os", ["survived"], penalty=None)


def in_both(n=120, seed=3):
    """Half of the patients have the event; columns that have nothing to do with it."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"months": rng.exponential(20, n) + 0.1, "died": rng.permutation(np.arange(n) % 2), "age": rng.normal(60, 9, n)})
    return frame, TimeToEvent.from_frame(frame, time="months", state="died", states=["Death"])


def disguises(frame):
    died, months = frame["died"].eq(1), frame["months"]
    return {"vital": pd.Series(np.where(died, "Dead", "Alive")), "event": frame["died"], "one_or_two": frame["died"] + 1, "true": died,
            "category": pd.Categorical(np.where(died, "Dead", "Alive"), categories=["Alive", "Dead", "Lost"]),
            "alive": 1 - frame["died"], "three": pd.Series(np.where(died, np.where(frame["age"] > 60, "of cancer", "otherwise"), "alive")),
            "not of all": frame["died"].where(np.arange(120) % 5 > 0), "months": months, "days": (months * 30.4375).round(), "years": months.div(12).round(2),
            "left": 100 - months, "log": np.log(months)}  # fmt: skip


@pytest.mark.parametrize("name", disguises(in_both()[0]))
def test_the_outcome_is_no_factor(name):
    frame, tte = in_both()
    frame["column"] = disguises(frame)[name]
    told = tells_the_outcome(tte, frame["column"])
    what = "tells how long a patient was followed" if name in ("months", "days", "years", "left", "log") else "tells who had the event (Death)"
    assert told.startswith(f'"column" {what}')
    assert told.endswith("That is the outcome in another form, and no factor: take it out.")
    assert tells_the_outcome(tte, frame["column"].sample(frac=1, random_state=1)) == told
    found = factors(tte, frame, ["age", "column"], interactions=["age*column"])
    assert {(one.model, one.term) for one in found.refused} == {("univariable", "column"), ("multivariable", "column"), ("multivariable", ""), ("interaction", "age*column")}
    assert all(one.reason == told for one in found.refused if one.term)
    assert [one.reason for one in found.refused if not one.term] == ["No multivariable model: only age is left of age and column."]
    assert set(found.tidy()["term"]) == {"age"}
    with pytest.raises(FitError, match="another form"):
        factors(tte, frame, ["column"])
    with pytest.raises(EndpointError, match=r"another form.* It can't be the strata either"):
        factors(tte, frame, ["age"], strata="column")


def test_what_has_a_true_effect_is_kept():
    frame, tte = in_both()
    rng = np.random.default_rng(1)
    died = frame["died"].eq(1).to_numpy()
    three = np.isin(np.arange(120), np.flatnonzero(died)[:3])
    columns = {"age": frame["age"], "three who all died": pd.Series(np.where(three, "yes", "no")), "number": frame["died"] + rng.normal(0, 0.4, 120),
               "close": frame["months"] * rng.lognormal(0, 0.3, 120), "a name each": pd.Series([f"P{i}" for i in range(120)]), "half": frame["died"].where(died),
               "dates": pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(120), "D")), "empty": pd.Series([np.nan] * 120)}  # fmt: skip
    for name, column in columns.items():
        assert tells_the_outcome(tte, column.rename(name)) == "", name
        assert nearly_tells(tte, column.rename(name)) == "", name


def test_a_rare_finding_that_equals_the_event_is_noted_and_not_refused():
    """Three patients of twenty with jaundice died, and nobody else: it may be true."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"months": rng.exponential(20, 20) + 0.1, "died": [1] * 3 + [0] * 17, "jaundice": ["yes"] * 3 + ["no"] * 17})
    tte = TimeToEvent.from_frame(frame, time="months", state="died", states=["Death"])
    assert tells_the_outcome(tte, frame["jaundice"]) == ""
    found = factors(tte, frame, ["jaundice"], labels={"jaundice": "Jaundice"})
    assert found.refused == ()
    assert "3 events for 1 coefficient" in found.warnings[0]
    assert found.warnings[1:] == ('Jaundice predicts the event (almost) perfectly: 3 of 3 patients with "yes" had the event (Death), and none of the 17 others. Such a column is '
                              "mostly the outcome in another form, or known only after it: look at it, and leave it out if so.",)  # fmt: skip


def test_a_level_without_events_beside_others_that_nearly_all_have_it_is_noted():
    frame, tte = in_both()
    place = np.arange(120)
    for wrong, noted in ((3, True), (12, False)):
        column = pd.Series(np.where(frame["died"].eq(1), "Dead", "Alive"))
        column.iloc[np.flatnonzero(frame["died"].eq(0))[:wrong]] = "Dead"  # "Alive" has no events; of the others so many have none
        told = factors(tte, frame.assign(vital=column), ["vital"])
        assert told.refused == ()
        assert any(w.startswith(f"vital predicts the event (almost) perfectly: 60 of {60 + wrong} patients with \"Dead\"") for w in told.warnings) == noted
    some = pd.Series(np.where((frame["died"] == 0) & (place % 2 == 0), "cured", np.where(place % 3 == 0, "a", "b")))
    assert nearly_tells(tte, some) == ""  # no events in one level, and only some of the others'
    rare = cohort()  # 107 of 114 without the rare marker died, none of the 6 with it
    assert any(w.startswith("marker predicts the event") for w in factors(rare, "os", ["marker", "age"]).warnings)


def test_one_kind_of_event_among_competing_ones_and_several_rows_a_patient():
    frame, _ = in_both()
    frame["state"] = frame["died"] * np.where(np.arange(120) % 3 == 0, 2, 1)
    tte = TimeToEvent.from_frame(frame, time="months", state="state", states=["Liver", "Death"])
    for told, words in ((frame["state"].eq(1), "Liver"), (frame["state"].eq(2), "Death"), (frame["died"], "of any kind"), (frame["state"], "Liver")):
        assert f"had the event ({words})" in tells_the_outcome(tte, told.rename("x"))
        reasons = [one.reason for one in factors(tte, frame.assign(x=told), ["age", "x"], cause="Liver").refused]
        assert ["another form" in one for one in reasons] == [True, True, False]  # the last: no multivariable model
    halves = pd.concat([frame.assign(from_=0.0, to=frame["months"] / 2, event=0, who=frame.index), frame.assign(from_=frame["months"] / 2, to=frame["months"],
                       event=frame["died"], who=frame.index)], ignore_index=True)  # fmt: skip
    split = TimeToEvent.from_frame(halves, entry="from_", time="to", state="event", states=["Death"], id="who")
    assert "60 of 60 patients with it and 60 of 60 without" in tells_the_outcome(split, halves["died"])
    assert "how long" in tells_the_outcome(split, halves["months"])
    assert tells_the_outcome(split, halves["age"]) == ""


def test_fine_gray_knows_no_penalty_and_says_so():
    small = cohort()
    small.frame.loc[small.frame["marker"] == "rare", "liver"] = 2
    found = factors(small, "liver", ["marker", "age"], cause="Liver")
    assert found.univariable["marker"].profile is not None
    reasons = {(one.model, one.term): one.reason for one in found.refused}
    assert "penalty=" in reasons["univariable subdistribution", "marker"]
    assert set(found.subdistribution) == {"age"}
    dead = small.frame.index[small.frame["liver"] == 1]
    small.frame["few"] = np.where(small.frame.index.isin(dead[:3]) | small.frame["liver"].eq(0), "a", "b")
    some = factors(small, "liver", ["few"], cause="Liver")
    assert any("there is no Firth penalty for Fine and Gray's model" in told for told in some.warnings)


def test_a_frame_and_a_cohort_give_the_same():
    small = cohort()
    one = factors(small, "os", ["age", "sarcopenia"], interactions=["age*setting"])
    other = factors(small.endpoint("os"), small.frame.sample(frac=1, random_state=1), ["age", "sarcopenia"], interactions=["age*setting"],
                    labels={"age": "Age"})  # fmt: skip
    pd.testing.assert_frame_equal(one.tidy(), other.tidy())
    pd.testing.assert_frame_equal(one.subgroups, other.subgroups)
    assert other.labels["age"] == "Age"
    with pytest.raises(EndpointError, match="second argument is the data frame"):
        factors(small.endpoint("os"), "os", ["age"])
    with pytest.raises(EndpointError, match="each row of the times once"):
        factors(small.endpoint("os"), small.frame.reset_index(drop=True), ["age"])
    with pytest.raises(EndpointError, match="takes a Cohort"):
        factors(small.frame, "os", ["age"])


@pytest.mark.parametrize(("asked", "told"), [
    ({"terms": []}, "No terms"), ({"terms": None}, "names of columns"), ({"penalty": "ridge"}, "penalty must be"),
    ({"interactions": ["age"]}, "is not an interaction"), ({"interactions": ["age*agee"]}, 'no column "agee"'), ({"conf_level": 2}, "conf_level"),
])  # fmt: skip
def test_what_is_asked_wrongly_is_said(asked, told):
    with pytest.raises(EndpointError, match=told):
        factors(cohort(), "os", **{"terms": ["age"], **asked})


def test_a_column_nobody_has_and_strata_twice():
    small = cohort()
    small.frame["empty"] = np.nan
    found = factors(small, "os", ["age", "empty", "sarcopenia"])
    assert [(one.model, one.term) for one in found.refused] == [("univariable", "empty"), ("multivariable", "empty")]
    assert found.multivariable.n == 120
    twice = factors(small, "os", ["age"], strata="setting", interactions=["age*setting", "age*hospital"])
    assert ["is the strata already" in twice.refused[0].reason, "a constant explains nothing" in twice.refused[1].reason] == [True, True]
    assert len(twice.interactions) == 0


def test_linearity_needs_events_and_values():
    small = cohort()
    small.frame["risk"] = small.frame["risk"].clip(1, 4)
    found = factors(small, "os", ["age", "risk", "sarcopenia"])
    assert found.linearity["term"].unique().tolist() == ["age"]
    assert found.linearity["knots"].tolist() == [4, 4]
    reasons = {one.model: one.reason for one in found.not_tested if one.term == "risk"}
    assert reasons["linearity, univariable"] == "4 different values are too few for a curve."
    few = factors(SmallCohort(cohort().frame.iloc[:14]), "os", ["age"])
    assert few.linearity["knots"].tolist() == [3]
    none = factors(SmallCohort(cohort().frame.iloc[:10]), "os", ["age"])
    assert "can't carry" in none.not_tested[0].reason


def test_the_shape_is_the_difference_to_the_median():
    found = factors(cohort(), "os", ["age", "sarcopenia"])
    shape = found.shape("age")
    at = shape.set_index("value").loc[shape.attrs["reference"]]
    assert at["estimate"] == at["std_error"] == 0
    fit = found.curves["univariable", "age"]
    frame = pd.DataFrame({"age": [shape["value"].iloc[0], shape.attrs["reference"]]})
    x = fit.design.encode(frame)
    assert shape["estimate"].iloc[0] == pytest.approx(float((x[0] - x[1]) @ fit.coefficients), rel=1e-12)
    error = np.sqrt((x[0] - x[1]) @ fit.covariance @ (x[0] - x[1]))
    assert shape["std_error"].iloc[0] == pytest.approx(float(error), rel=1e-12)
    assert shape["conf_high"].iloc[0] == pytest.approx(shape["estimate"].iloc[0] + 1.959963984540054 * error, rel=1e-12)
    assert found.shape("age", at=60).attrs["reference"] == 60
    with pytest.raises(EndpointError, match='no curve of "sarcopenia"'):
        found.shape("sarcopenia")


def test_what_is_known_later_is_refused():
    import haip_outcomes as haip

    demo = haip.demo_cohort()
    found = factors(demo, "os", ["converted_to_resection", "age"], interactions=["sarcopenia*converted_to_resection"])
    assert [(one.model, one.term) for one in found.refused] == [
        ("univariable", "converted_to_resection"), ("multivariable", "converted_to_resection"), ("interaction", "sarcopenia*converted_to_resection"), ("multivariable", "")]  # fmt: skip
    assert all("immortal time" in one.reason for one in found.refused if one.term)
    with pytest.raises(EndpointError, match="strata"):
        factors(demo, "os", ["age"], strata="converted_to_resection")


def test_remark_says_what_is_known_and_leaves_the_rest():
    found = factors(cohort(), "os", ["age", "sarcopenia", "risk", "marker"], multivariable=["age", "sarcopenia"], interactions=["age*setting"])
    rows = found.remark().set_index("item")
    assert list(rows.index) == list(range(1, 21))
    says = rows["says"]
    assert "followed from pump placement" in says[2]
    assert "Clinical risk score 20 of 120" in says[13]
    assert "No variable selection" in says[10]
    tidy = found.tidy(exponentiate=True).iloc[0]
    assert f"Age: {tidy['estimate']:.2f} ({tidy['conf_low']:.2f}, {tidy['conf_high']:.2f})" in says[15]
    assert "age*setting" in says[18]
    assert [item for item in rows.index if says[item] == "For the author."] == [3, 4, 5, 19, 20]
    small = cohort().endpoint("os")
    from haip_outcomes.survival.curves.kaplan_meier import follow_up

    assert f"{follow_up(small).median()['estimate'].iloc[0]:.1f}" in says[6]


def test_remark_tells_of_refused_terms_and_of_those_only_together():
    frame, tte = in_both()
    frame = frame.assign(b=np.where(np.arange(120) % 4 > 1, "x", "y"), one="only", s=np.where(np.arange(120) % 3 > 0, "p", "q"), empty=np.nan)
    found = factors(tte, frame, ["age", "b", "one", "empty"], multivariable=["age", "b", "one", "s"])
    says = found.remark().set_index("item")["says"]
    assert says[1].startswith("Factors examined: age, b, one, empty and s, as named for this analysis.")
    assert says[8] == ('Candidates: age, b, one, empty and s. Refused, and in no model: one ("one" is "only" for all 120 patients: a constant explains nothing. Leave it out); '
                       "empty (No patient has all of empty). None was dropped by its p-value here.")  # fmt: skip
    assert 'Of the terms named for it the multivariable model holds age, b and s; refused: one ("one" is "only" for all 120' in says[10]
    assert "holds the terms that were named" not in says[10]
    assert says[11].startswith("As numbers, per unit: age. In levels of the data: b and s. In no model (item 8): one and empty. No cut-off")
    whole = factors(tte, frame, ["age", "b"]).remark().set_index("item")["says"]
    assert whole[8] == "Candidates: age and b. All of them are in the tables. None was dropped by its p-value here."
    assert "The multivariable model holds all terms named for it: age and b. Checked: hazards for proportionality and numbers for linearity" in whole[10]
    assert "without a value" not in whole[10]
    alone = factors(tte, frame, ["b"]).remark().set_index("item")["says"]
    assert "No multivariable model was asked for. Checked: hazards for proportionality" in alone[10]
    assert "linearity" not in alone[10]
    left = factors(tte, frame, ["age", "one"]).remark().set_index("item")["says"]
    assert left[16].startswith('No multivariable model: one: "one" is "only" for all 120 patients')
    product = factors(tte, frame, ["age * b", "s"]).remark().set_index("item")["says"]
    assert "All of them are in the tables" in product[8]
    assert "holds all terms named for it" in product[10]


def test_a_level_with_few_events_is_told_by_its_name_in_print():
    small = cohort()
    dead = small.frame.index[small.frame["liver"] == 1]
    small.frame["setting"] = np.where(small.frame.index.isin(dead[:3]) | small.frame["liver"].eq(0), "a", "b")
    found = factors(small, "liver", ["setting"], cause="Liver")
    assert any('with Setting "a", and there is no Firth penalty' in told for told in found.warnings)


def test_a_plan_that_says_nothing_of_when_gets_one_short_note():
    from haip_outcomes import demo_cohort

    whole = demo_cohort()
    plan = whole.plan.model_copy(update={"columns": {name: one.model_copy(update={"known": None, "item": None}) for name, one in whole.plan.columns.items()}})
    blind = copy.copy(whole)
    object.__setattr__(blind, "plan", plan)
    terms = ["sarcopenia", "age", "risk_score", "synchronous", "extrahepatic_disease"]
    found = factors(blind, "os", terms, strata="setting", interactions=["sarcopenia*synchronous"])
    told = [one for one in found.warnings if "does not say when" in one]
    assert told == ["The plan does not say when sarcopenia, age, risk_score, synchronous and extrahepatic_disease are known: taken as known at time zero. "
                    'If so, write known = "baseline" under [columns] of each; if not, name its date there and the column in [analysis] later (immortal time).']  # fmt: skip
    assert repr(found).count("does not say when") == 1
    assert any('under [columns.age]; if not' in one for one in factors(blind, "os", ["age"]).warnings)
    assert not any("does not say when" in one for one in factors(whole, "os", terms).warnings)
