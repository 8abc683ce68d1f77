"""Cohorts with a known truth: for tests, demonstrations and power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.endpoints import DAYS_A_MONTH
from haip_outcomes.registry.plan import Plan, make_plan
from haip_outcomes.registry.planning.parts import SETTINGS

CAUSES = ("liver", "extrahepatic", "death")
FACTORS = {"sarcopenia": 0.45, "extrahepatic_disease": 0.15, "node_positive": 0.6}  # share of patients with each


@dataclass(frozen=True)
class Truth:
    """What is true of simulated patients: constant hazards a month, multiplied by the hazard ratios of their factors.

    The liver event, the extrahepatic event and death each have their own hazard, which the others do not change. For a
    patient with hazards h_L, h_E and h_D, in months t from pump placement:

        overall survival               S(t) = exp(-h_D t)
        liver event, death competing   F_L(t) = h_L / (h_L + h_D) (1 - exp(-(h_L + h_D) t))
        first site k of L, E, D        F_k(t) = h_k / H (1 - exp(-H t)),  H = h_L + h_E + h_D

    `ratios` is {factor: {cause: hazard ratio}}; a factor may act on several causes.
    """

    liver: float = 0.05
    extrahepatic: float = 0.02
    death: float = 0.02
    ratios: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: {"sarcopenia": {"death": 2.4}})

    def __post_init__(self) -> None:
        for cause in CAUSES:
            if not 0 <= getattr(self, cause) < np.inf:
                raise EndpointError(f"The hazard of {cause} must be 0 or more events a month, not {getattr(self, cause)!r}.")
        for factor, causes in self.ratios.items():
            if factor not in FACTORS:
                raise EndpointError(f'Simulated patients have no factor "{factor}". {did_you_mean(factor, FACTORS)}')
            for cause, ratio in causes.items():
                if cause not in CAUSES:
                    raise EndpointError(f'There is no cause "{cause}". {did_you_mean(cause, CAUSES)}')
                if not 0 < ratio < np.inf:
                    raise EndpointError(f"The hazard ratio of {factor} for {cause} must be a number above 0, not {ratio!r}.")

    def hazard(self, cause: str, **factors: bool) -> float:
        """The hazard a month of a cause for a patient with these factors (absent unless named)."""
        product = 1.0
        for name, present in factors.items():
            product *= self.ratios.get(name, {}).get(cause, 1.0) if present else 1.0
        return float(getattr(self, cause)) * product

    def survival(self, months: float, **factors: bool) -> float:
        """Overall survival at a time."""
        return float(np.exp(-self.hazard("death", **factors) * months))

    def incidence(self, cause: str, months: float, *, among: tuple[str, ...] = CAUSES, **factors: bool) -> float:
        """Cumulative incidence of a cause at a time, the others `among` competing: all three for the first site."""
        total = sum(self.hazard(other, **factors) for other in among)
        return float(self.hazard(cause, **factors) / total * -np.expm1(-total * months)) if total else 0.0


def simulate_cohort(n: int, *, rng: np.random.Generator, truth: Truth | Mapping[str, Truth] | None = None,
                    shares: Mapping[str, float] | None = None, accrual_months: float = 36, follow_up_months: float = 60,
                    centres: int | Sequence[float] = 1, case_mix: Mapping[str, Mapping[str, float]] | None = None) -> Cohort:  # fmt: skip
    """Invented patients about whom everything is known, as a cohort like any other.

    Parameters
    ----------
    n : patients.
    rng : `numpy.random.default_rng(seed)`; the same seed gives the same patients.
    truth : the hazards and hazard ratios, one for all, or one a setting, or of the centres that differ from `Truth()`, as
        {"Centre 3": Truth(death=0.04)}; `Truth()` unless said.
    shares : the share of each setting, {"unresectable": 1.0} unless said.
    accrual_months, follow_up_months : patients enter evenly during the accrual and are followed until the study closes,
        `follow_up_months` after the last entry: nobody is lost before.
    centres : how many centres share the patients ("Centre 1", ...), or their relative sizes, as (120, 80, 40).
    case_mix : the centres whose patients have a factor more or less often, as {"Centre 2": {"sarcopenia": 0.8}}.

    Dates are whole days, so a time is up to one day longer than the hazard gives. Liver and extrahepatic events are seen on
    their day, which is then the last imaging.

    >>> import numpy as np
    >>> cohort = simulate_cohort(200, rng=np.random.default_rng(1))
    >>> len(cohort), cohort.settings
    (200, ('unresectable',))
    """
    shares = dict(shares or {"unresectable": 1.0})
    sizes = None if isinstance(centres, (int, np.integer)) else np.asarray(centres, dtype=float)
    count = int(centres) if sizes is None else len(sizes)  # type: ignore[arg-type]
    _refuse(n, rng, shares, accrual_months, follow_up_months, count, sizes)
    names = [f"Centre {i + 1}" for i in range(count)]
    mixes = _mixes(case_mix or {}, names)
    settings = rng.choice(list(shares), size=n, p=np.array(list(shares.values())) / sum(shares.values()))
    luck = {name: rng.random(n) for name in FACTORS}
    waits = {cause: rng.exponential(size=n) for cause in CAUSES}
    entry = np.floor(rng.random(n) * accrual_months * DAYS_A_MONTH)
    number = rng.integers(count, size=n) if sizes is None else rng.choice(count, size=n, p=sizes / sizes.sum())
    factors = {name: luck[name] < np.array([mixes[name, centre] for centre in names])[number] for name in FACTORS}
    hazards = _hazards(_truths(truth, shares, settings, np.array(names)[number], names), factors)
    days = {cause: _days(hazards[cause], waits[cause]) for cause in CAUSES}
    close = np.floor((accrual_months + follow_up_months) * DAYS_A_MONTH) - entry
    death = np.where(days["death"] <= close, days["death"], np.nan)
    end = np.fmin(death, close)
    liver, elsewhere = (np.where(days[cause] <= end, days[cause], np.nan) for cause in CAUSES[:2])
    start = pd.Timestamp("2010-01-01") + pd.to_timedelta(entry, unit="D")
    yes = {name: pd.Categorical(np.where(present, "Yes", "No"), categories=["No", "Yes"]) for name, present in factors.items()}
    frame = pd.DataFrame({
        "setting": pd.Categorical(settings, categories=list(SETTINGS)),
        "centre": pd.Categorical(np.array(names)[number], categories=names),
        "sex": pd.Categorical(np.where(rng.random(n) < 0.6, "Male", "Female"), categories=["Male", "Female"]),
        "age": np.clip(np.round(rng.normal(61, 11, n)), 20, 90), **yes, "pump_date": start,
        **{name: start + pd.to_timedelta(values, unit="D") for name, values in
           {"liver_event_date": liver, "extrahepatic_event_date": elsewhere, "death_date": death, "last_imaging_date": end, "last_contact_date": end}.items()},
    }, index=pd.Index(np.arange(n) + 2, name="row"))  # fmt: skip
    return Cohort(_plan(count), frame, Source("simulated", "", n))


def _truths(truth: Truth | Mapping[str, Truth] | None, shares: Mapping[str, float], settings: np.ndarray, centres: np.ndarray, names: list[str]) -> list[Truth]:
    """The truth of each patient: one for all, that of the setting, or that of the centre."""
    if truth is None or isinstance(truth, Truth):
        return [truth or Truth()] * len(settings)
    if any(key in names for key in truth):
        for key in truth:
            if key not in names:
                raise EndpointError(f'truth names "{key}", which is none of the {len(names)} centres. {did_you_mean(key, names)}')
        return [truth.get(centre, Truth()) for centre in centres]
    for setting in shares:
        if setting not in truth:
            raise EndpointError(f"truth says nothing of {setting} patients: give one Truth for all, one a setting, or those of some centres.")
    return [truth[setting] for setting in settings]


def _mixes(case_mix: Mapping[str, Mapping[str, float]], names: list[str]) -> dict[tuple[str, str], float]:
    """The share of patients with each factor, centre by centre."""
    for centre, own in case_mix.items():
        if centre not in names:
            raise EndpointError(f'case_mix names "{centre}", which is none of the centres. {did_you_mean(centre, names)}')
        for name, share in own.items():
            if name not in FACTORS:
                raise EndpointError(f'Simulated patients have no factor "{name}". {did_you_mean(name, FACTORS)}')
            if not 0 <= share <= 1:
                raise EndpointError(f"The share of {name} at {centre} must lie between 0 and 1, not at {share!r}.")
    return {(name, centre): case_mix.get(centre, {}).get(name, share) for name, share in FACTORS.items() for centre in names}


def _hazards(truths: list[Truth], factors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The hazard a month of each cause, patient by patient."""
    hazards = {cause: np.array([getattr(truth, cause) for truth in truths]) for cause in CAUSES}
    for name, present in factors.items():
        for cause in CAUSES:
            ratio = np.array([truth.ratios.get(name, {}).get(cause, 1.0) for truth in truths])
            hazards[cause] = hazards[cause] * np.where(present, ratio, 1.0)
    return hazards


def _days(hazard: np.ndarray, waits: np.ndarray) -> np.ndarray:
    """Days until an event of a constant hazard a month; endless where it is 0. Nobody has an event on the day of entry."""
    with np.errstate(divide="ignore"):
        return np.ceil(np.where(hazard > 0, waits / np.where(hazard > 0, hazard, 1.0) * DAYS_A_MONTH, np.inf))


def _refuse(n: int, rng: object, shares: Mapping[str, float], accrual: float, follow_up: float, centres: int, sizes: np.ndarray | None) -> None:
    if not isinstance(rng, np.random.Generator):
        raise EndpointError("rng must be numpy.random.default_rng(seed), so that the same patients can be made again.")
    if n < 1 or centres < 1:
        raise EndpointError("n and centres must be 1 or more.")
    if sizes is not None and (sizes.ndim != 1 or not np.isfinite(sizes).all() or (sizes <= 0).any()):
        raise EndpointError("centres must be a number of centres, or the relative size of each, above 0.")
    if accrual < 0 or follow_up <= 0:
        raise EndpointError("accrual_months must be 0 or more, and follow_up_months above 0.")
    for setting, share in shares.items():
        if setting not in SETTINGS:
            raise EndpointError(f'There is no setting "{setting}". {did_you_mean(setting, SETTINGS)}')
        if not 0 <= share < np.inf:
            raise EndpointError(f"The share of {setting} patients must be 0 or more, not {share!r}.")
    if not sum(shares.values()) > 0:
        raise EndpointError("The shares of the settings must add up to more than 0.")


def _plan(centres: int) -> Plan:
    dates = {"start": "pump_date", "last_seen": "last_imaging_date"}
    yes_no = {"0": "No", "1": "Yes"}
    return make_plan({
        "cohort": {"name": "Simulated patients", "id": "record_id", "setting": "setting", "centre": "centre", "synthetic": True,
                   "caution": "These patients are simulated: they describe nobody."},
        "columns": {
            "centre": {"label": "Centre", "levels": {f"Centre {i + 1}": f"Centre {i + 1}" for i in range(centres)}},
            "sex": {"label": "Sex", "levels": {"1": "Male", "2": "Female"}},
            "age": {"label": "Age at pump placement, years", "kind": "number", "unit": "years"},
            "sarcopenia": {"label": "Sarcopenia", "levels": yes_no},
            "extrahepatic_disease": {"label": "Extrahepatic disease at pump placement", "levels": yes_no},
            "node_positive": {"label": "Node-positive primary tumour", "levels": yes_no},
            "pump_date": {"label": "Pump placement", "kind": "date"},
            "last_imaging_date": {"label": "Last imaging", "kind": "date"},
        },
        "endpoints": {
            "os": {"label": "Overall survival", "start": "pump_date", "last_seen": "last_contact_date", "events": {"Death": "death_date"}},
            "liver": {"label": "Liver progression or recurrence", **dates, "events": {"Liver": "liver_event_date", "Death": "death_date"}},
            "first_site": {"label": "First site of progression or recurrence", **dates,
                           "events": {"Liver": "liver_event_date", "Extrahepatic": "extrahepatic_event_date", "Death": "death_date"}},
        },
        "analysis": {"times": [12, 24, 36], "factors": ["sarcopenia", "extrahepatic_disease", "age"], "groups": ["sarcopenia"]},
    })  # fmt: skip
