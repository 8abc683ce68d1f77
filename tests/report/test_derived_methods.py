"""Which cut-off made a sarcopenia is printed wherever the sarcopenia is."""

import tomllib
from pathlib import Path

import haip_outcomes as haip
from haip_outcomes.registry.plan import make_plan

ROOT = Path(__file__).resolve().parents[2]


def test_the_cut_off_is_always_printed():
    content = tomllib.loads((ROOT / "cohorts/demo_centre/plan.toml").read_text(encoding="utf-8"))
    content["columns"].pop("sarcopenia")
    content["columns"]["sex"]["item"] = "sex"
    content["derived"] = {"sarcopenia": {"label": "Sarcopenia", "formula": "sarcopenia", "cutoffs": "prado2008", "inputs": {"smi": "muscle_index"}}}
    cohort = haip.read_cohort(ROOT / "cohorts/demo_centre/demo.csv", make_plan(content))
    assert (cohort["sarcopenia"] == "Yes").sum() == 29  # the demonstration's own column was made with the same cut-offs
    said = "Prado 2008"
    assert any(said in note for note in haip.baseline_table(cohort, by="setting").footnotes)
    found = haip.factors(cohort.setting("unresectable"), "os", ["sarcopenia"])
    assert said in found.method
    assert any(said in note for note in haip.effects_table(found).footnotes)
    for share in (False, True):
        page = haip.build_report(cohort, share=share).html()
        assert page.count(said) >= 2
        assert "second-hand" in page
