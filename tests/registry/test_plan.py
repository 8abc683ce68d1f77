import copy

import pytest
from small_centre import SMALL_PLAN

from haip_outcomes.errors import PlanError
from haip_outcomes.registry.plan import load_plan, make_plan


def changed(**parts):
    plan = copy.deepcopy(SMALL_PLAN)
    for key, value in parts.items():
        plan[key] = {**plan.get(key, {}), **value}
    return plan


def endpoint(**keys):
    os = {"label": "OS", "start": "pump", "last_seen": "contact", "events": {"Death": "death"}, **keys}
    return {"endpoints": {"os": {key: value for key, value in os.items() if value is not None}}}


def test_a_plan_says_what_every_column_must_hold(small_plan):
    assert small_plan.kinds == {
        "key": "key", "setting": "setting", "age": "number", "sarcopenia": "category",
        "pump": "date", "contact": "date", "death": "date", "liver": "date", "imaging": "date",
    }  # fmt: skip
    assert small_plan.last_contact == "contact"
    assert small_plan.label("age") == "Age"
    assert small_plan.label("death") == "death"


@pytest.mark.parametrize(("parts", "said"), [
    ({"cohort": {"idd": "key"}}, ["[cohort] idd: there is no such key", 'Did you mean "id"?']),
    ({"analysis": {"factors": ["sarkopenia"]}}, ["[analysis] factors", 'Did you mean "sarcopenia"?']),
    ({"analysis": {"times": [36, 12]}}, ["[analysis] times", "ascending"]),
    ({"columns": {"age": {"kind": "numeric"}}}, ["[columns.age] kind", "'numeric' is not one of"]),
    ({"columns": {"age": {"kind": "number", "levels": {"1": "x"}}}}, ["[columns.age]", "levels belong to a category"]),
    ({"endpoints": {"os": {"label": "OS", "start": "pump", "events": {"Death": "death"}}}}, ["[endpoints.os]", "last_seen is needed"]),
    ({"endpoints": {"os": {"label": "OS", "start": "pump", "last_seen": "contact", "events": {}}}}, ["[endpoints.os] events"]),
    ({"endpoints": {"os": {"label": "OS", "start": "pump", "last_seen": "contact",
                           "events": {"Death": "death", "Liver": {"time": "t", "flag": "f"}}}}}, ["all events must be dates"]),
    ({"programme": {"pump_complication": {"label": "x", "column": "complication"}}}, ["[programme.pump_complication] column"]),
    ({"programme": {"pump_complication": {"label": "x", "column": "sarcopenia", "level": "yes"}}}, ['Did you mean "Yes"?']),
    ({"programme": {"first": {"label": "x", "start": "pump"}}}, ["a start and an end date"]),
    ({"benchmark": {"judge": list("abcdefg")}}, ["at most six figures", "7"]),
    ({"cohort": {"setting": {"value": "resected"}}}, ["1 problem", "[cohort] setting.value", "'adjuvant'"]),
    ({"cohort": {"setting": "group"}, "columns": {"setting": {"label": "x"}}}, ['"setting" is kept for the setting itself']),
    ({"cohort": {"date_format": "%Y-%m"}}, ["[cohort] date_format", "day, month and year"]),
    ({"cohort": {"date_format": "YYYY-MM-DD"}}, ["[cohort] date_format", '"%d/%m/%Y"']),
    ({"cohort": {"synthetic": "no"}}, ["[cohort] synthetic: write true or false, without quotes"]),
    ({"cohort": {"name": 12}}, ['[cohort] name: write it in quotes, as "12"']),
    ({"cohort": {"overlap": "gk2017"}}, ['[cohort] overlap: write a list in [ ], as ["gk2017"]']),
    ({"cohort": {"last_contact": "key"}}, ["[cohort] last_contact", "the patients' key"]),
    ({"missing": {"codes": [-999]}}, ['[missing] codes.0: write it in quotes, as "-999"']),
    ({"missing": {"codes": ["0.0"]}}, ['"0" is also a level of sarcopenia']),
    ({"analysis": {"times": ["12"]}}, ["[analysis] times.0: write a number, without quotes"]),
    ({"analysis": {"factors": ["age", "age"]}}, ["[analysis] factors", "twice"]),
    ({"analysis": {"factors": ["pump"]}}, ['"pump" is a date']),
    ({"analysis": {"groups": ["age"]}}, ['"age" is a number, and only a category']),
    ({"analysis": {"table1": ["note"]}, "columns": {"note": {"label": "Note"}}}, ['"note" is text']),
    ({"benchmark": {"judge": ["a", "a"]}}, ["[benchmark] judge", "twice"]),
    ({"programme": {"first": {"label": "x", "start": "pump", "end": "setting"}}}, ["[programme.first]", "it is the setting"]),
    (endpoint(start="key"), ["[endpoints.os]", "the patients' key"]),
    (endpoint(start="setting"), ["[endpoints.os]", "it is the setting"]),
    (endpoint(terminal=["Dead"]), ["[endpoints.os] terminal", 'Did you mean "Death"?']),
    (endpoint(events={"Death": "death", "Dead": "death"}), ["[endpoints.os] events", "the same column"]),
    (endpoint(unit="fortnights"), ["[endpoints.os] unit", "'fortnights' is not one of 'days'"]),
    (endpoint(start="pump placement", last_seen=None, events={"Death": {"time": "m", "flag": "sarcopenia", "code": "2"}}),
     ['[endpoints.os] events Death: code "2" is not a level of sarcopenia']),
    (endpoint(start="pump placement", last_seen=None, events={"Death": {"time": "m"}}), ["1 problem", "events.Death.flag: is needed"]),
    (endpoint(start="pump placement", last_seen=None, events={"Death": {"time": "pump", "flag": "f"}}), ["[columns.pump] says date"]),
])  # fmt: skip
def test_what_is_wrong_in_a_plan_is_said_with_its_key(parts, said):
    with pytest.raises(PlanError) as caught:
        make_plan(changed(**parts))
    for words in said:
        assert words in str(caught.value)


def test_all_problems_of_a_plan_are_said_at_once():
    plan = changed(analysis={"times": []}, cohort={"nam": "x"})
    del plan["cohort"]["name"]
    with pytest.raises(PlanError) as caught:
        make_plan(plan)
    assert "3 problems" in str(caught.value)
    assert "[cohort] name: is needed and is not there" in str(caught.value)


def test_a_plan_saved_by_windows(tmp_path):
    text = '[cohort]\r\nname = "x"\r\nid = "k"\r\nsetting = "s"\r\n[endpoints.os]\r\nlabel = "OS"\r\nstart = "a"\r\nlast_seen = "b"\r\nevents = { Death = "c" }'
    (tmp_path / "plan.toml").write_bytes(text.encode("utf-8-sig"))
    assert load_plan(tmp_path / "plan.toml").cohort.name == "x"


def test_files_that_are_no_plan(tmp_path):
    with pytest.raises(PlanError, match="There is no plan at"):
        load_plan(tmp_path / "plan.toml")
    (tmp_path / "plan.toml").write_text("[cohort\nname = ", encoding="utf-8")
    with pytest.raises(PlanError, match="not valid TOML"):
        load_plan(tmp_path / "plan.toml")
    (tmp_path / "plan.toml").write_bytes(b"\xff\xfe[cohort]")
    with pytest.raises(PlanError, match="UTF-8"):
        load_plan(tmp_path / "plan.toml")
