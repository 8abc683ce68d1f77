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


def test_late_deaths_of_several_files_name_the_file_and_its_row(tmp_path):
    lines = (ROOT / "cohorts/demo_centre/demo.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "first.csv").write_text("\n".join(lines[:31]) + "\n", encoding="utf-8")
    (tmp_path / "second.csv").write_text("\n".join([lines[0], *lines[31:]]) + "\n", encoding="utf-8")
    plan = make_plan(tomllib.loads((ROOT / "cohorts/demo_centre/plan.toml").read_text(encoding="utf-8")))
    together = haip.read_cohort([tmp_path / "first.csv", tmp_path / "second.csv"], plan)
    alone = haip.demo_cohort()
    late = [int(row) for row in alone.frame.index[alone.late_deaths("liver")]]
    assert late, "the demonstration has late deaths"
    expected = sorted(("first.csv", row) if row <= 31 else ("second.csv", row - 30) for row in late)
    report = haip.build_report(together)
    problems = report.problems[report.problems["column"] == "last_imaging_date"]
    assert sorted((table, int(row)) for table, rows in problems[["table", "rows"]].values for row in rows.split()) == expected
    assert "of second.csv" in report.html() or "of first.csv" in report.html()
