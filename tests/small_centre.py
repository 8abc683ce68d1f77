"""A small plan and a small centre of four patients, by hand."""

SMALL_PLAN = {
    "cohort": {"name": "Small centre", "id": "key", "setting": "setting"},
    "columns": {
        "age": {"label": "Age", "kind": "number", "range": [18, 100], "unit": "years"},
        "sarcopenia": {"label": "Sarcopenia", "levels": {"0": "No", "1": "Yes"}},
        "pump": {"label": "Pump placement", "kind": "date"},
    },
    "missing": {"codes": ["-999", "UNK"]},
    "endpoints": {
        "os": {"label": "Overall survival", "start": "pump", "last_seen": "contact", "events": {"Death": "death"}},
        "liver": {"label": "Liver progression or recurrence", "start": "pump", "last_seen": "imaging",
                  "events": {"Liver": "liver", "Death": "death"}},
    },
    "analysis": {"times": [12, 36], "factors": ["sarcopenia", "age"]},
}  # fmt: skip

HEADER = "key,setting,age,sarcopenia,pump,liver,imaging,contact,death"
ROWS = [
    "A1,adjuvant,61,0,2019-01-01,,2019-12-01,2021-01-01,2021-01-01",
    "A2,adjuvant,55,1,2019-02-01,2019-08-01,2019-08-01,2020-02-01,2020-02-01",
    "A3,unresectable,70,UNK,2019-03-01,,2020-03-01,2020-06-01,",
    "A4,unresectable,-999,0,2019-04-01,2019-10-01,2020-04-01,2020-04-01,",
]
