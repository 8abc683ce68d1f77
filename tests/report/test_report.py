"""The report of the demonstration cohort, read as its readers would."""

import copy
import json
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from small_centre import HEADER, ROWS, SMALL_PLAN

import haip_outcomes as haip
from haip_outcomes.errors import EndpointError, PlanError
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.report.content import RESULT_COLUMNS
from haip_outcomes.report.write import new_folder


@pytest.fixture(scope="module")
def report():
    return haip.build_report(haip.demo_cohort())


@pytest.fixture(scope="module")
def folder(report, tmp_path_factory):
    return report.write(tmp_path_factory.mktemp("out") / "report").parent


class Page(HTMLParser):
    """The tags of a page that could load something, or that need words."""

    def __init__(self, text):
        super().__init__()
        self.sources, self.images, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.sources += [attributes[name] for name in ("src", "href") if name in attributes]
        if tag == "img":
            self.images.append(attributes)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


def test_the_page_is_one_file_that_opens_offline(folder):
    page = Page((folder / "index.html").read_text(encoding="utf-8"))
    assert page.open == [], "every tag is closed"
    assert all(source.startswith(("data:image/svg+xml;base64,", "#")) for source in page.sources)
    assert len(page.images) >= 12
    assert all(len(image["alt"]) > 30 for image in page.images), "every figure is told to who can't see it"


def test_the_first_screen_says_synthetic_and_answers(folder):
    text = (folder / "index.html").read_text(encoding="utf-8")
    first = text[: text.index("<nav")]
    assert "Synthetic patients." in first
    assert "For research, not for decisions" in first
    for words in ("Are we all right?", "Adjuvant pump (26 patients)", "Unresectable disease (34 patients)", "published figures that the plan names"):
        assert words in first
    lines = first[first.index("<tbody>") : first.index("</tbody>")]
    assert "Kemeny 2009" in lines
    assert "Chakedis 2018" not in lines, "the source that the cohort imitates is not judged"
    assert first.count("agreement with that source shows nothing") == 2, "above, and under the table, which is what is copied"


def test_the_chapters_and_what_stands_in_them(report):
    assert [chapter.key for chapter in report.chapters] == [
        "included", "survival", "liver", "factors", "prediction", "delivery", "liver_literature", "literature", "turning", "over_time", "remark", "data", "methods",
        "run", "verification",
    ]  # fmt: skip
    done = report.results[report.results["status"] == "done"]
    for setting in ("adjuvant", "unresectable"):
        own = done[done["setting"] == setting]
        for analysis in ("follow-up", "Overall survival", "Liver progression or recurrence, deaths censored",
                         "First site of progression or recurrence", "safety and delivery"):  # fmt: skip
            assert (own["analysis"] == analysis).any(), (setting, analysis)
        assert (own["quantity"] == "Gray's test").any()
        assert (own["quantity"] == "proportional hazards test").any()
        assert (own["quantity"] == "log-rank test").any()
    assert (done["analysis"].str.contains("pooled, stratified by setting")).any()


def test_the_numbers_of_the_report_are_those_of_the_public_functions(report):
    cohort = haip.demo_cohort()
    liver = haip.survival_curve(cohort.setting("unresectable").endpoint("liver").only("Liver"))
    told = report.results.query("setting == 'unresectable' and analysis == 'Liver progression or recurrence, deaths censored'")
    for method in ("brookmeyer-crowley", "standard-error"):
        row = told[told["quantity"] == f"median ({method})"].iloc[0]
        assert row["estimate"] == liver.median(method=method)["estimate"].iloc[0]
        assert row["conf_high"] == liver.median(method=method)["conf_high"].iloc[0]
    fit = haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, ["sarcopenia"]))
    pooled = report.results.query("setting == 'pooled' and quantity == 'hazard ratio' and analysis.str.contains('unstratified')")
    assert pooled["estimate"].iloc[0] == pytest.approx(fit.tidy(exponentiate=True)["estimate"].iloc[0], rel=1e-12)


def test_a_refused_analysis_is_a_line_in_its_place(report, folder):
    refused = report.results[report.results["status"] == "refused"]
    line = refused[refused["analysis"].str.contains("univariable model of extrahepatic disease")].iloc[0]
    assert line["setting"] == "adjuvant"
    assert "26 patients" in line["reason"]
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert "Not done: univariable model of extrahepatic disease" in text
    assert report.refused >= 1


def test_what_is_written(report, folder):
    assert {path.name for path in folder.iterdir()} == {"index.html", "figures", "tables", "results.csv", "problems.csv", "run.json"}
    pdf = {path.stem for path in (folder / "figures").glob("*.pdf")}
    assert pdf == {path.stem for path in (folder / "figures").glob("*.png")}
    assert {"overall_survival_adjuvant", "liver_free_unresectable", "first_site_adjuvant", "prognostic_factors_unresectable"} <= pdf
    assert {"table1_characteristics.csv", "patient_flow.csv", "missing_values.csv"} <= {path.name for path in (folder / "tables").iterdir()}
    results = pd.read_csv(folder / "results.csv")
    assert tuple(results.columns) == RESULT_COLUMNS
    assert set(results["status"]) == {"done", "refused"}
    problems = pd.read_csv(folder / "problems.csv")
    assert problems.columns.tolist() == ["severity", "table", "rows", "column", "found", "expected", "advice"]
    run = json.loads((folder / "run.json").read_text())
    assert len(run["cohort_sha256"]) == len(run["plan_sha256"]) == 64
    assert run["patients"] == {"adjuvant": 26, "unresectable": 34}


def test_every_table_and_figure_has_its_own_name(report):
    for kind in ("Table", "Drawing"):
        names = [block.name for chapter in report.chapters for block in chapter.blocks if type(block).__name__ == kind]
        assert len(names) == len(set(names))


def test_no_patient_key_and_no_path_in_any_output(folder):
    keys = pd.read_csv("cohorts/demo_centre/demo.csv", dtype=str)["record_id"]
    for path in folder.rglob("*"):
        if path.suffix in (".html", ".csv", ".json"):
            text = re.sub(r"base64,[^\"]*", "", path.read_text(encoding="utf-8"))
            assert not [key for key in keys if re.search(rf"\b{re.escape(key)}\b", text)], path.name
            assert str(folder.parent) not in text


def test_writing_again_needs_overwrite_and_spares_other_folders(report, folder, tmp_path):
    with pytest.raises(PlanError, match="--overwrite"):
        report.write(folder)
    assert report.write(folder, overwrite=True) == folder / "index.html"
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("mine")
    with pytest.raises(PlanError, match="left alone"):
        report.write(tmp_path / "thesis", overwrite=True)
    (tmp_path / "thesis" / "run.json").write_text('{"my": "own"}')
    with pytest.raises(PlanError, match=r"chapter1\.txt"):
        report.write(tmp_path / "thesis", overwrite=True)
    mine = folder / "tables" / "thesis.docx"
    mine.write_text("mine")
    with pytest.raises(PlanError, match=r"thesis\.docx"):
        report.write(folder, overwrite=True)
    mine.unlink()
    assert (tmp_path / "thesis" / "chapter1.txt").read_text() == "mine"


def test_nothing_half_made_is_left_behind(tmp_path):
    def fail(target):
        with new_folder(target) as temporary:
            (temporary / "index.html").write_text("half")
            raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        fail(tmp_path / "report")
    assert list(tmp_path.iterdir()) == []


def small_report(lines, tmp_path, plan=SMALL_PLAN):
    path = tmp_path / "small.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return haip.build_report(haip.read_cohort(path, make_plan(plan)))


def test_four_patients_make_a_report_too(tmp_path):
    report = small_report([HEADER, *ROWS], tmp_path)
    refused = report.results[report.results["status"] == "refused"]
    assert (refused["analysis"].str.contains("prognostic factors")).any()
    assert (refused["analysis"] == "first site of progression or recurrence").any()
    assert report.html().count("Not done") == report.refused


def test_what_stands_in_the_figures_and_tables_stands_in_results_csv(report):
    """Numbers under the axes, Table 1, quartiles, events of each level and cause, both sides of a comparison."""
    done = report.results[report.results["status"] == "done"]
    under = done[(done["analysis"] == "figure overall_survival_adjuvant") & (done["time"] == 36)].iloc[0]
    assert (under["n_risk"], under["n_event"], under["n_censor"]) == (11, 8, 7)
    sarcopenia = done[(done["analysis"] == "characteristics") & (done["term"] == "sarcopenia") & (done["level"] == "Yes")].set_index("group")
    assert sarcopenia["n_event"].astype(int).to_dict() == {"All": 29, "Adjuvant": 12, "Unresectable": 17}
    days = done[(done["outcome"] == "time_to_first_cycle") & (done["setting"] == "adjuvant")]
    assert {"median", "lower quartile", "upper quartile", "not known"} <= set(days["quantity"])
    level = done[(done["quantity"] == "patients and events") & (done["term"] == "sarcopenia") & (done["setting"] == "unresectable") & done["analysis"].str.contains("overall survival")]
    assert level[["level", "n", "n_event"]].to_numpy().tolist() == [["No", 17, 8], ["Yes", 17, 13]]
    ratio = done[done["analysis"].str.startswith("chakedis2018-sarc-hr")].set_index("quantity")
    assert ratio.loc["published", "estimate"].tolist()[0] == 2.4
    assert round(ratio.loc["centre", "estimate"].tolist()[0], 1) == 2.4
    assert not pd.to_numeric(done["statistic"], errors="coerce").isna().where(done["statistic"].notna(), False).any()


def test_an_incidence_beyond_follow_up_is_shown_only_where_everybody_had_an_event(report):
    """17 sarcopenic unresectable patients all have a first event (13, 1 and 3), so at 36 months nothing is unknown."""
    done = report.results[(report.results["status"] == "done") & (report.results["quantity"] == "cumulative incidence")]
    own = done[(done["setting"] == "unresectable") & (done["time"] == 36) & (done["analysis"].str.endswith("by sarcopenia"))]
    assert own.set_index(["outcome", "group"])["estimate"].round(4).to_dict() == {
        ("Liver", "Yes"): round(13 / 17, 4), ("Extrahepatic", "Yes"): round(1 / 17, 4), ("Death", "Yes"): round(3 / 17, 4),
    }  # fmt: skip


def test_every_figure_looked_at_is_either_beside_a_result_or_has_its_reason(report):
    literature = next(chapter for chapter in report.chapters if chapter.key == "literature")
    tables = {block.name: block for block in literature.blocks if hasattr(block, "rows")}
    cannot = sum(int(row[1]) for row in tables["not_compared"].rows)
    assert f"{cannot} can't" in literature.blocks[0].text
    shown = {figure for chapter in report.chapters for figure in chapter.figures_shown}
    assert {"chakedis2018-sarc-hr", "chakedis2018-ttlp-unres", "chakedis2018-os3-adj", "kar2014-never-dosed"} <= shown


def test_deaths_long_after_the_last_look_are_listed(report):
    said = [block.text for chapter in report.chapters for block in chapter.blocks if hasattr(block, "text") and "180 days" in block.text]
    assert [text.split(" (")[0] for text in said] == [
        "2 patients died more than 180 days after the last look at the liver",
        "1 patient died more than 180 days after the last look at the liver",
    ]
    assert "0 of them without a liver event" in said[0]


def test_a_figure_that_fits_no_page_is_a_line_and_the_rest_is_made(tmp_path):
    plan = copy.deepcopy(SMALL_PLAN)
    plan["columns"]["surgeon"] = {"label": "Surgeon", "kind": "category"}
    plan["analysis"]["groups"] = ["surgeon"]
    lines = [f"{HEADER},surgeon"] + [f"B{i},adjuvant,60,{i % 2},2019-01-01,,2019-12-01,2021-01-{i + 1:02d},2021-01-{i + 1:02d},surgeon {i % 20}" for i in range(28)]
    report = small_report(lines, tmp_path, plan)
    refused = report.results[report.results["status"] == "refused"]
    assert refused["reason"].str.contains("a page holds 234 mm").any()
    assert report.write(tmp_path / "report").is_file()


def test_a_column_s_name_never_leads_a_file_out_of_its_folder(tmp_path):
    plan = copy.deepcopy(SMALL_PLAN)
    plan["columns"]["../../../evil"] = plan["columns"].pop("sarcopenia")
    plan["analysis"] = {"times": [12], "factors": ["../../../evil"], "groups": ["../../../evil"]}
    lines = [HEADER.replace("sarcopenia", "../../../evil"), *ROWS[:2]]
    folder = small_report(lines, tmp_path, plan).write(tmp_path / "a" / "report").parent
    evil = sorted(path.relative_to(folder).as_posix() for path in tmp_path.rglob("*evil*"))
    assert evil
    assert all(name.startswith(("figures/", "tables/")) for name in evil)


def test_comparators_never_enter_a_pooled_model(tmp_path):
    plan = copy.deepcopy(SMALL_PLAN)
    plan["analysis"] = {"times": [12], "factors": ["sarcopenia"], "pooled": ["sarcopenia"]}
    lines = [HEADER] + [f"C{i},{('adjuvant', 'unresectable', 'comparator')[i % 3]},60,{i % 2},2019-01-01,,2019-06-01,2020-0{1 + i % 9}-01,"
                        f"{f'2020-0{1 + i % 9}-01' if i % 4 else ''}" for i in range(60)]  # fmt: skip
    report = small_report(lines, tmp_path, plan)
    pooled = report.results[(report.results["setting"] == "pooled") & (report.results["quantity"] == "hazard ratio")]
    assert pooled["n"].astype(int).tolist() == [40, 40]


def test_text_of_the_plan_cannot_break_the_page(tmp_path):
    plan = copy.deepcopy(SMALL_PLAN)
    plan["cohort"]["name"] = "<script>alert(1)</script>"
    plan["columns"]["sarcopenia"]["label"] = "Sarcopenia <b> & co"
    html = small_report([HEADER, *ROWS], tmp_path, plan).html()
    assert "<script>" not in html
    assert "Sarcopenia &lt;b&gt; &amp; co" in html


def test_an_endpoint_of_the_centre_s_own_has_its_place(tmp_path):
    plan = copy.deepcopy(SMALL_PLAN)
    plan["endpoints"]["rfs"] = {**plan["endpoints"]["liver"], "label": "Recurrence-free survival"}
    report = small_report([HEADER, *ROWS], tmp_path, plan)
    own = report.results[(report.results["chapter"] == "other") & (report.results["quantity"] == "median")]
    assert own["analysis"].unique().tolist() == ["Recurrence-free survival"]
    assert own["setting"].tolist() == ["adjuvant", "unresectable"]


def test_nothing_to_analyse_is_an_error(tmp_path, monkeypatch):
    def refused(self, name, **options):
        raise EndpointError("No follow-up.")

    monkeypatch.setattr(Cohort, "endpoint", refused)
    plan = copy.deepcopy(SMALL_PLAN)
    plan["analysis"] = {}
    del plan["columns"]["sarcopenia"]
    with pytest.raises(EndpointError, match="Nothing could be analysed: No follow-up"):
        small_report([HEADER, *ROWS], tmp_path, plan)


def test_the_public_cohort_without_a_pump(workbook):
    """R's answers stand in the report, the selection is said on the first screen, the same centre is not judged."""
    report = haip.build_report(haip.read_cohort(workbook, "cohorts/tcia_crlm/plan.toml"))
    done = report.results[report.results["status"] == "done"]
    gray = done[(done["quantity"] == "Gray's test") & (done["outcome"] == "Liver")].iloc[0]
    assert round(gray["statistic"], 4) == 7.0207
    hr = done[(done["quantity"] == "hazard ratio") & done["analysis"].str.endswith("multivariable") & (done["term"] == "extrahep_disease")].iloc[0]
    assert (round(hr["estimate"], 3), int(hr["n"])) == (2.062, 168)
    html = report.html()
    assert "immortal time" in html[: html.index("<nav")]
    judged = done[done["analysis"].str.contains("gk2017") & (done["quantity"] == "centre")]
    assert set(judged["shown"].str.split(":").str[0]) == {"same patients"}
