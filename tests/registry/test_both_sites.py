"""First site with both sites within 30 days as a state of its own, by hand."""

import pytest

from haip_outcomes.errors import PlanError
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.read import read_cohort

MONTH = 365.25 / 12
EVENTS = {"Liver": "liver", "Extrahepatic": "elsewhere", "Death": "death"}


def plan(both=None):
    recipe = {"label": "First site", "start": "pump", "last_seen": "imaging", "events": EVENTS}
    return make_plan({
        "cohort": {"name": "Sites", "id": "key", "setting": {"value": "unresectable"}, "last_contact": "contact"},
        "endpoints": {"first_site": {**recipe, **({"both": both} if both else {})}},
    })  # fmt: skip


ROWS = [
    "key,pump,liver,elsewhere,imaging,contact,death",
    "a,2019-01-01,2019-07-01,2019-07-31,2019-12-01,2020-01-01,",            # 30 days apart: both
    "b,2019-01-01,2019-07-01,2019-08-01,2019-12-01,2020-01-01,",            # 31 days apart: liver first
    "c,2019-01-01,2019-07-01,2019-06-30,2019-12-01,2020-01-01,",            # one day, elsewhere first: both, at the earlier
    "d,2019-01-01,,2019-07-01,2019-12-01,2020-01-01,",                      # elsewhere alone
    "e,2019-01-01,,,2019-12-01,2020-01-01,2020-01-01",                      # death
    "f,2019-01-01,,,2019-12-01,2020-01-01,",                                # nothing
]  # fmt: skip


def test_both_within_thirty_days_is_a_state_at_the_earlier_date(write):
    first = read_cohort(write(ROWS), plan({"events": ["Liver", "Extrahepatic"]})).endpoint("first_site")
    assert first.states == ("Liver", "Extrahepatic", "Death", "Both")
    assert first.state.tolist() == [4, 1, 4, 2, 3, 0]
    assert first.time.tolist() == pytest.approx([181 / MONTH, 181 / MONTH, 180 / MONTH, 181 / MONTH, 365 / MONTH, 334 / MONTH], rel=1e-14)


def test_without_it_the_earlier_counts(write):
    first = read_cohort(write(ROWS), plan()).endpoint("first_site")
    assert first.state.tolist() == [1, 1, 2, 2, 3, 0]


@pytest.mark.parametrize(("both", "said"), [
    ({"events": ["Liver", "Lung"]}, '"Lung", which is not one of its events'),
    ({"events": ["Liver", "Liver"]}, "two different events"),
    ({"events": ["Liver", "Extrahepatic"], "label": "Death"}, "a label that is none of the events"),
    ({"events": ["Liver", "Extrahepatic"], "within_days": -1}, "greater than or equal to 0"),
    ({"events": ["Liver"]}, "both.events"),
    ({"event": ["Liver", "Extrahepatic"]}, 'Did you mean "events"?'),
])  # fmt: skip
def test_wrong_both(both, said):
    with pytest.raises(PlanError) as caught:
        plan(both)
    assert said in str(caught.value)
