"""A report for outside: every file of its folder, searched for what must not be in it."""

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import haip_outcomes as haip
from haip_outcomes.errors import EXIT_BUG, EndpointError, Problem
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.report.build import build_report
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.outside import last_look, shareable, shared_problems, texts
from haip_outcomes.survival.curves.aalen_johansen import cumulative_incidence
from haip_outcomes.survival.curves.kaplan_meier import survival_curve
from haip_outcomes.tables.disclosure import FEW, HIDDEN, DisclosureError
from haip_outcomes.tables.estimates import before, monthly

COUNTS = ("n", "n_event", "n_risk", "n_censor")


def files_of(folder):
    """Every text of a written report: the page, the tables, and what the pictures say of themselves."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".html", ".csv", ".json"):
            yield path.name, path.read_text(encoding="utf-8-sig")
        elif path.suffix in (".pdf", ".png"):
            yield path.name, path.read_bytes().decode("latin-1")


@pytest.fixture(scope="module")
def demo():
    return haip.demo_cohort()


@pytest.fixture(scope="module")
def shared(demo):
    return build_report(demo, share=True)


@pytest.fixture(scope="module")
def folder(shared, tmp_path_factory):
    return shared.write(tmp_path_factory.mktemp("out") / "shared").parent


def test_the_first_screen_says_so_and_how_many_cells(shared, folder):
    page = (folder / "index.html").read_text(encoding="utf-8")
    first = page[: page.index("<nav")]
    cells = sum(HIDDEN in cell for chapter in shared.chapters for block in chapter.blocks if hasattr(block, "rows") for row in block.rows for cell in row)
    assert cells > 20
    assert f"{HIDDEN} stands in {cells} cells" in first.replace("\xa0", " ")
    assert "Small numbers. This report is for outside the centre." in page


def test_no_file_tells_a_row_a_file_a_hash_or_a_date(demo, folder):
    dates = {f"{value:%Y-%m-%d}" for column in demo.frame for value in demo.frame[column].dropna()
             if pd.api.types.is_datetime64_any_dtype(demo.frame[column])}  # fmt: skip
    assert len(dates) > 100
    for name, text in files_of(folder):
        assert not any(told in text for told in (demo.source.sha256, demo.plan.sha256)), name
        assert demo.source.name not in text, name
        assert not re.search(r"\brows? \d", text) or name.endswith((".pdf", ".png")), name
        found = set(re.findall(r"(?:19|20)\d\d-\d\d-\d\d", text)) & dates
        assert not found - {json.loads((folder / "run.json").read_text())["made"]}, name


def test_no_count_is_small(shared):
    frame = shared.results[(shared.results["quantity"] != "published") & (shared.results["analysis"] != "the literature")]
    for column in COUNTS:
        values = frame[column].dropna().astype(float)
        assert not ((values > 0) & (values < FEW)).any(), column
    assert frame["std_error"].isna().all()


def test_no_number_is_more_precise_than_it_is_printed(shared):
    frame = shared.results[shared.results["quantity"].isin(["survival probability", "cumulative incidence", "share", "proportion"])]
    values = frame[["estimate", "conf_low", "conf_high"]].astype(float).to_numpy().ravel()
    values = values[~np.isnan(values)]
    assert len(values) > 50
    assert np.allclose(values, values.round(2), atol=1e-12)
    times = shared.results[shared.results["quantity"].str.startswith("median", na=False) & (shared.results["unit"] == "months")]
    times = times[["estimate", "conf_low", "conf_high"]].astype(float).to_numpy().ravel()
    assert np.array_equal(times[~np.isnan(times)], times[~np.isnan(times)].round())


def test_what_is_shown_is_true(demo, shared):
    """Against the data themselves: every count of Table 1 that is shown."""
    frame = shared.results[(shared.results["analysis"] == "characteristics") & (shared.results["quantity"] == "share")]
    groups = {"All": demo.frame} | {name.capitalize(): demo.setting(name).frame for name in demo.settings}
    shown = frame.dropna(subset=["n_event"])
    assert len(shown) > 15
    for row in shown.to_dict("records"):
        assert int((groups[row["group"]][row["term"]] == row["level"]).sum()) == row["n_event"]


def test_numbers_at_risk_do_not_differ_by_few(shared):
    """Of the same figure and group, two shown numbers are equal or differ by 5 at least; and the fates of a column add up or are hidden."""
    frame = shared.results[shared.results["quantity"] == "numbers under the axis"]
    pairs = 0
    for _, part in frame.groupby(["setting", "analysis", frame["group"].fillna("")]):
        for column in ("n_risk", "n_event", "n_censor"):
            values = part[column].dropna().astype(float).to_numpy()
            gaps = np.abs(values[:, None] - values[None, :])
            assert not ((gaps > 0) & (gaps < FEW)).any()
            pairs += gaps.size
        hidden = part[["n_risk", "n_event", "n_censor"]].isna().sum(axis=1)
        assert not (hidden == 1).any() or (part[["n_risk", "n_event", "n_censor"]][hidden == 1].sum(axis=1) <= part["n_risk"].max() - FEW).all()
    assert pairs > 100


def test_curves_have_points_at_whole_months_between_which_five_had_the_event(demo):
    kept, policy, _ = shareable(demo)
    tte = kept.setting("unresectable").endpoint("os")
    curve = survival_curve(tte)
    for _ in range(2):
        points = monthly(curve, curve.sets[0], None, policy)
        if policy.ledger.shown is None:
            policy.ledger.decide()
    times = points["time"].tolist()
    assert len(times) > 2
    assert times == [float(int(time)) for time in times]
    events = [len(before(curve.sets[0], None, time)) for time in times[1:]]
    assert (np.diff([0, *events]) >= FEW).all()
    assert np.allclose(points["estimate"], points["estimate"].round(2))
    first = cumulative_incidence(kept.setting("unresectable").endpoint("first_site"))
    assert (monthly(first, first.sets[0], 3, policy)["estimate"] == 0).all(), "too few deaths as first event: no curve"


def test_the_figures_have_no_strokes_and_no_steps(shared):
    drawings = [block for chapter in shared.chapters for block in chapter.blocks if hasattr(block, "figure")]
    curves = [line for drawing in drawings for axes in drawing.figure.axes for line in axes.lines if line.get_gid() == "straight"]
    marks = {line.get_gid() for drawing in drawings for axes in drawing.figure.axes for line in axes.lines}
    assert len(curves) > 5
    assert not marks & {"censored", "firm", "thin"}
    for line in curves:
        assert all(float(x) == int(x) for x in line.get_xdata())


def test_problems_tell_no_rows_and_nothing_found(folder):
    frame = pd.read_csv(folder / "problems.csv", encoding="utf-8-sig", dtype=str)
    assert list(frame.columns) == ["severity", "column", "concerns", "patients"]
    assert all(value in (HIDDEN, "-") or int(value) >= FEW for value in frame["patients"])


def test_a_problem_is_counted_where_it_is_large(demo):
    kept, policy, _ = shareable(demo)
    rows = tuple(int(row) for row in kept.frame.index)
    notes = (Problem(kept.source.name, "age", rows[:12], "secret 17", "a number from 18 to 100", "look at row 5", "warning"),
             Problem(kept.source.name, "age", rows[:2], "secret 16", "an age", "look", "warning"),
             Problem("another file", "age", (2, 3, 4, 5, 6, 7), "x", "an age", "look", "warning"))  # fmt: skip
    shared_problems(notes, kept, policy)
    policy.ledger.decide()
    frame = shared_problems(notes, kept, policy)
    assert frame["patients"].tolist() == ["12", HIDDEN, HIDDEN]
    assert not frame.astype(str).apply(lambda column: column.str.contains("secret|row|18")).any().any()


def some(cohort, **wanted):
    """So many patients of each setting."""
    place = cohort.frame.groupby("setting", observed=True).cumcount()
    keep = [place[row] < wanted.get(str(setting), 0) for row, setting in cohort.frame["setting"].items()]
    return cohort.where(np.array(keep), because="for a test")


def test_a_setting_of_nine_vanishes_and_can_not_be_subtracted(demo, tmp_path):
    report = build_report(some(demo, adjuvant=9, unresectable=34), share=True)
    assert report.subtitle.startswith("34 patients (34 unresectable)")
    assert "The adjuvant setting is left out: fewer than ten patients." in report.notice
    folder = report.write(tmp_path / "shared").parent
    for name, text in files_of(folder):
        if name.endswith((".html", ".csv", ".json")):
            bare = re.sub(r"data:image[^\"]*", "", text)
            assert not re.search(r"\b43\b (patients|rows)|n = 43\b|\b9 (patients|adjuvant)", bare), name
    flow = pd.read_csv(folder / "tables" / "patient_flow.csv", encoding="utf-8-sig", dtype=str).set_index("Step")["Patients"]
    assert flow["Rows in the file"] == HIDDEN or flow.str.contains(HIDDEN, regex=False).sum() >= 2
    assert flow["Analysed"] == "34"


def test_nothing_is_shared_of_a_centre_without_ten_patients_in_a_setting(demo):
    with pytest.raises(EndpointError, match="every setting has fewer than ten patients"):
        build_report(some(demo, adjuvant=9, unresectable=5), share=True)


@pytest.mark.parametrize(("adjuvant", "unresectable"), [(10, 0), (12, 11)])
def test_small_centres(demo, adjuvant, unresectable):
    """So small that most is hidden: the report is made, and passes its own last look."""
    report = build_report(some(demo, adjuvant=adjuvant, unresectable=unresectable), share=True)
    test_no_count_is_small(report)


def test_the_public_cohort(workbook, tmp_path):
    cohort = haip.read_cohort(workbook, "cohorts/tcia_crlm/plan.toml")
    report = build_report(cohort, share=True)
    test_no_count_is_small(report)
    folder = report.write(tmp_path / "shared").parent
    for name, text in files_of(folder):
        assert not any(told in text for told in (workbook.name, cohort.source.sha256)), name
    page = re.sub(r"data:image[^\"]*", "", (folder / "index.html").read_text(encoding="utf-8"))
    assert not re.search(r"CRLM-CT-\d+", page)


def test_the_last_look_stops_what_the_policy_missed(demo, shared):
    kept, policy, _ = shareable(demo)
    chapter = Chapter("survival", "Overall survival")
    arguments = [shared.results, shared.problems, shared.run, kept, policy]
    last_look([chapter], *arguments)
    for words in ("3 patients died", "Grade IV: 2 (8%)", "1 of 26 gave no answer", "see row 17", "since 2019-03-04", "0" * 64):
        planted = Chapter("survival", "Overall survival")
        planted.say(words)
        with pytest.raises(DisclosureError, match="Overall survival"):
            last_look([planted], *arguments)
    results = shared.results.copy()
    results.loc[results.index[0], ["n_event", "quantity", "analysis"]] = [3, "events", "planted"]
    with pytest.raises(DisclosureError, match="n_event"):
        last_look([chapter], results, *arguments[1:])
    with pytest.raises(DisclosureError, match="hash"):
        last_look([chapter], shared.results, shared.problems, {"cohort_sha256": "x"}, kept, policy)
    assert DisclosureError.exit_code == EXIT_BUG
    assert any(text for chapter in shared.chapters for text in texts(chapter))


def test_a_label_with_a_number_is_not_mistaken_for_a_count(demo, shared):
    columns = demo.plan.columns | {"sarcopenia": demo.plan.columns["sarcopenia"].model_copy(update={"label": "Grade 3 or 4 events"})}
    cohort = replace(demo, plan=demo.plan.model_copy(update={"columns": columns}))
    chapter = Chapter("survival", "Overall survival")
    chapter.say("By Grade 3 or 4 events: nothing.")
    kept, policy, _ = shareable(cohort)
    last_look([chapter], shared.results, shared.problems, shared.run, kept, policy)


def test_several_files_with_delayed_entry_are_shared_without_their_names(tmp_path):
    root = Path(__file__).resolve().parents[2]
    frame = pd.read_csv(root / "cohorts/demo_centre/demo.csv", dtype=str, keep_default_na=False)
    days = pd.to_timedelta([20 + 7 * (i % 40) for i in range(len(frame))], unit="D")
    frame["diagnosis_date"] = (pd.to_datetime(frame["pump_date"]) - days).dt.strftime("%Y-%m-%d")
    content = tomllib.loads((root / "cohorts/demo_centre/plan.toml").read_text(encoding="utf-8"))
    content["endpoints"]["os"] |= {"start": "diagnosis_date", "entry": "pump_date"}
    for name, part in (("here.csv", frame.iloc[:30]), ("there.csv", frame.iloc[30:])):
        part.to_csv(tmp_path / name, index=False)
    cohort = haip.read_cohort([tmp_path / "here.csv", tmp_path / "there.csv"], make_plan(content))
    index = haip.build_report(cohort, share=True).write(tmp_path / "shared")
    for file in (index, tmp_path / "shared/results.csv", tmp_path / "shared/problems.csv", tmp_path / "shared/run.json"):
        text = file.read_text(encoding="utf-8-sig")
        assert "here.csv" not in text
        assert not any(hash_ in text for hash_ in (cohort.source.sha256, *(part.sha256 for part in cohort.source.parts)))
