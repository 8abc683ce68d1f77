"""Prognostic factors of a small made-up cohort: the models are cox's own, and what can't be fitted says why."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from haip_outcomes.errors import EndpointError, FitError
from haip_outcomes.prognosis.factor_models import factors
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
    found = factors(cohort(), "os", ["age", "hospital", "marker", "seen", "sarcopenia"])
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
    assert set(found.tidy()["model"]) == {"univariable"}
    some = factors(small, "os", ["age", "sarcopenia", "setting"])
    assert some.multivariable is not None
    assert any(warning.startswith("Multivariable model:") for warning in some.warnings)


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
        factors(small, "os", ["hospital", "marker"])
    nobody = SmallCohort(small.frame.assign(os=0))
    with pytest.raises(FitError, match='Nobody had the event "Death"'):
        factors(nobody, "os", ["age"])
    with pytest.raises(EndpointError, match=r'no column "agee". Did you mean "age"'):
        factors(small, "os", ["agee"])
    with pytest.raises(EndpointError, match="no endpoint"):
        factors(small, "pfs", ["age"])
