"""haip-outcomes verify: exit codes, the last page, nothing else touched, and a report that is not as it was written."""

import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import haip_outcomes as haip
from haip_outcomes.prognosis.verification.verifying import verify
from haip_outcomes.report.verified import renew_last_page
from haip_outcomes.verify_command import verify_command

DEMO = "cohorts/demo_centre"
FAST = ["--engine", "statsmodels", "--engine", "Python"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verified") / "report"
    haip.build_report(haip.demo_cohort()).write(folder)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "report")


def run(*arguments):
    return CliRunner().invoke(verify_command, [str(one) for one in arguments], catch_exceptions=False)


def hashes(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_report_says_that_it_is_not_verified_and_with_which_command_to_do_it(made):
    page = (made / "index.html").read_text(encoding="utf-8")
    last = page[page.index('<section id="verification"') :]
    assert "Not verified yet" in last
    assert "haip-outcomes verify REPORT --cohort demo.csv --plan plan.toml" in last
    assert '<a href="#verification">Verification</a>' in page
    assert json.loads((made / "run.json").read_text(encoding="utf-8"))["cohort_file"] == "demo.csv"


def test_the_last_page_is_written_anew_and_nothing_else_is_touched(folder):
    before = hashes(folder)
    old = (folder / "index.html").read_text(encoding="utf-8")
    ran = run(folder, "--cohort", f"{DEMO}/demo.csv", *FAST)
    assert ran.exit_code == 0
    assert ran.stdout == f"{folder / 'index.html'}\n"
    assert "estimates of this report" in ran.stderr
    new = (folder / "index.html").read_text(encoding="utf-8")
    begin, end = "<!-- verification: begin -->", "<!-- verification: end -->"
    assert new.split(begin)[0] == old.split(begin)[0]
    assert new.split(end)[1] == old.split(end)[1]
    page = new.split(begin)[1]
    assert "Not verified yet" not in page
    assert "Computed again, by what" in page
    assert "Overall survival" in page
    assert "statsmodels" in page
    after = hashes(folder)
    assert {name for name in after if after[name] != before.get(name)} == {"index.html", "verification.csv"}
    table = pd.read_csv(folder / "verification.csv")
    assert set(table["verdict"].str.split(":").str[0]) == {"agrees", "no second engine"}
    assert run(folder / "index.html", "--cohort", f"{DEMO}/demo.csv", *FAST).exit_code == 0  # its page does as well as its folder
    assert hashes(folder) == after  # twice gives the same


def test_tables_are_numbered_on_from_the_chapters_before(folder):
    run(folder, *FAST)  # the demonstration cohort needs no file
    page = (folder / "index.html").read_text(encoding="utf-8")
    numbers = [int(part.split(".")[0]) for part in page.split("<caption>Table ")[1:]]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_changed_number_ends_with_exit_5_and_is_named(folder):
    text = (folder / "results.csv").read_text(encoding="utf-8-sig")
    results = pd.read_csv(folder / "results.csv", dtype=str, keep_default_na=False)
    place = results.index[results["quantity"] == "survival probability"][0]
    was = results.loc[place, "estimate"]
    line = text.splitlines()[place + 1]
    changed = line.replace(was, repr(float(was) * (1 + 1e-4)), 1)
    (folder / "results.csv").write_text(text.replace(line, changed), encoding="utf-8-sig")
    ran = run(folder, *FAST)
    assert ran.exit_code == 5
    assert f"line {place + 2} of results.csv, survival, adjuvant, Overall survival" in ran.stderr
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "Verification failed." in page
    assert "Numbers that differ from a second engine" in page
    (folder / "results.csv").write_text(text, encoding="utf-8-sig")
    assert run(folder, *FAST).exit_code == 0
    assert "Verification failed." not in (folder / "index.html").read_text(encoding="utf-8")


def test_another_file_or_plan_is_refused_and_nothing_is_written(folder, tmp_path):
    before = hashes(folder)
    lines = Path(f"{DEMO}/demo.csv").read_text(encoding="utf-8").splitlines()
    other = tmp_path / "demo.csv"
    other.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    ran = run(folder, "--cohort", other, "--plan", f"{DEMO}/plan.toml", *FAST)
    assert ran.exit_code == 2
    assert "Another file" in ran.stderr
    assert "Give the file that was analysed" in ran.stderr
    plan = tmp_path / "plan.toml"
    plan.write_text(Path(f"{DEMO}/plan.toml").read_text(encoding="utf-8") + "\n# a remark\n", encoding="utf-8")
    ran = run(folder, "--cohort", f"{DEMO}/demo.csv", "--plan", plan, *FAST)
    assert ran.exit_code == 2
    assert "Another plan" in ran.stderr
    assert hashes(folder) == before


def test_usage(folder, tmp_path):
    assert run(tmp_path / "nowhere").exit_code == 2
    ran = run(folder, "--plan", f"{DEMO}/plan.toml")
    assert ran.exit_code == 2
    assert "Which file?" in ran.stderr
    ran = run(folder, "--engine", "spss")
    assert ran.exit_code == 2
    assert 'no engine "spss"' in ran.stderr
    assert 'Did you mean "lifelines"' in run(folder, "--engine", "lifeline").stderr
    before_hashes(folder)
    page = folder / "index.html"
    page.write_text(page.read_text(encoding="utf-8").replace("<!-- verification: begin -->", ""), encoding="utf-8")
    ran = run(folder, *FAST)
    assert ran.exit_code == 2
    assert "no last page for the verification" in ran.stderr


def before_hashes(folder):
    """A report as it was written before run.json held the hashes of its files."""
    told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    del told["files"]
    (folder / "run.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def lines_of(folder):
    return (folder / "results.csv").read_text(encoding="utf-8-sig").splitlines(keepends=True)


def as_words(folder):
    """A Cox row made a number that nobody computes again."""
    lines = lines_of(folder)
    results = pd.read_csv(folder / "results.csv", dtype=str, keep_default_na=False)
    place = results.index[results["recipe"].str.startswith("cox of=")][0]
    row = results.loc[place, "recipe"]
    assert row in lines[place + 1]
    lines[place + 1] = lines[place + 1].replace(row, "words").replace(results.loc[place, "estimate"], "9.9", 1)
    (folder / "results.csv").write_text("".join(lines), encoding="utf-8-sig")


def one_row_less(folder):
    lines = lines_of(folder)
    results = pd.read_csv(folder / "results.csv", dtype=str, keep_default_na=False)
    del lines[results.index[results["recipe"].str.startswith("cox of=")][0] + 1]
    (folder / "results.csv").write_text("".join(lines), encoding="utf-8-sig")


def no_rows(folder):
    (folder / "results.csv").write_text(lines_of(folder)[0], encoding="utf-8-sig")


def another_page(folder):
    page = folder / "index.html"
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r"\d\.\d\d \(\d\.\d\d, \d+\.\d\d\)", text)[0]
    page.write_text(text.replace(shown, "9.05 (3.86, 21.86)"), encoding="utf-8")


def no_page(folder):
    (folder / "index.html").unlink()


def unmarked_page(folder):
    page = folder / "index.html"
    page.write_text(page.read_text(encoding="utf-8").replace("<!-- verification: begin -->", ""), encoding="utf-8")


def another_table(folder):
    table = sorted((folder / "tables").glob("*.csv"))[0]
    table.rename(folder / "tables" / "one.csv")
    (folder / "tables" / "one.csv").rename(table)  # its name alone is no change
    table.write_bytes(table.read_bytes().replace(b"\n", b"\r\n"))


def table_more(folder):
    (folder / "tables" / "later.csv").write_text("a\n1\n", encoding="utf-8")


def table_less(folder):
    sorted((folder / "tables").glob("*.csv"))[0].unlink()


def another_figure(folder):
    figures = sorted((folder / "figures").glob("*.png"))
    shutil.copy(figures[0], figures[1])


def another_run(folder):
    path = folder / "run.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"python": "', '"python": "9.'), encoding="utf-8")


def half_the_hashes(folder):
    told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    del told["files"]["index.html"]
    (folder / "run.json").write_text(json.dumps(told), encoding="utf-8")


SAVED = "(opened and saved in a spreadsheet?)"


@pytest.mark.parametrize(("done", "told"), [
    (as_words, f"results.csv was changed after the report was made {SAVED}."), (one_row_less, "results.csv was changed after"), (no_rows, "results.csv was changed after"),
    (another_page, "index.html was changed after the report was made."), (no_page, "index.html was deleted after"), (unmarked_page, "index.html was changed after"),
    (another_table, f".csv was changed after the report was made {SAVED}."), (table_more, "tables/later.csv was added after"), (table_less, ".csv was deleted after"),
    (another_figure, ".png was changed after the report was made."), (another_run, "run.json was changed after"), (half_the_hashes, "run.json was changed after"),
])  # fmt: skip
def test_a_report_that_is_not_as_it_was_written_is_not_passed(folder, done, told):
    done(folder)
    ran = run(folder, "--engine", "Python")
    assert ran.exit_code == 5, ran.stderr
    assert told in ran.stderr
    assert (folder / "verification.csv").exists()
    if done not in (no_page, unmarked_page):
        page = (folder / "index.html").read_text(encoding="utf-8")
        last = page[page.index('<section id="verification"') :]
        assert "Verification failed." in last
        assert told in last
    else:
        assert "Error: " in ran.stderr
    if done is another_page:
        assert run(folder, "--engine", "Python").exit_code == 5  # nor the second time
    if done is one_row_less:
        assert "No number is beyond its tolerance" in ran.stderr  # the comparison is made all the same


def test_a_report_without_hashes_is_verified_and_it_is_said(folder):
    before_hashes(folder)
    ran = run(folder, *FAST)
    assert ran.exit_code == 0
    assert "it was made before run.json held their hashes" in ran.stderr


def test_what_an_operating_system_leaves_behind_is_no_change(folder):
    for name in (".DS_Store", "Thumbs.db", "~$a.csv"):
        (folder / "tables" / name).write_text("x", encoding="utf-8")
    page = folder / "index.html"
    page.write_bytes(page.read_bytes().replace(b"\n", b"\r\n"))  # as another system writes lines
    ran = run(folder, *FAST)
    assert ran.exit_code == 0, ran.stderr
    assert "are as the report wrote them" in ran.stderr
    assert run(folder, *FAST).exit_code == 0


@pytest.mark.parametrize(("was", "now", "told"), [(",", ";", "can't be read"), (".", ",", "is no number"), ("estimate", "estimates", "columns are missing")])
def test_a_spreadsheet_of_another_language_is_told_so(folder, was, now, told):
    results = pd.read_csv(folder / "results.csv", dtype=str, keep_default_na=False)
    if was == ".":
        results["estimate"] = results["estimate"].str.replace(was, now)
        results.to_csv(folder / "results.csv", index=False)
    elif was == ",":
        results.to_csv(folder / "results.csv", index=False, sep=now)
    else:
        results.rename(columns={was: now}).to_csv(folder / "results.csv", index=False)
    ran = run(folder, *FAST)
    assert ran.exit_code == 2
    assert told in ran.stderr
    assert "opened and saved in a spreadsheet?" in ran.stderr


def test_a_verified_report_can_be_written_over(tmp_path):
    report = haip.build_report(haip.demo_cohort().setting("unresectable"), benchmark_only=True)
    folder = report.write(tmp_path / "report").parent
    whole = hashes(folder)
    told = json.loads((folder / "run.json").read_text(encoding="utf-8"))["files"]
    assert set(told) == set(whole)
    assert all(told[name] == whole[name] for name in whole if name not in ("index.html", "run.json"))
    assert "files" not in report.run
    found = verify(folder, haip.demo_cohort().setting("unresectable"), engines=["statsmodels", "Python"])
    assert found.passed
    assert not found.altered
    renew_last_page(folder, found)
    report.write(folder, overwrite=True)
    assert hashes(folder) == whole


def test_how_many_numbers_differ_is_said_and_how_many_lines_are_not_named(folder):
    results = pd.read_csv(folder / "results.csv", dtype=str, keep_default_na=False)
    places = results.index[results["quantity"] == "survival probability"][:15]
    results.loc[places, "n_risk"] = "999"
    results.to_csv(folder / "results.csv", index=False, encoding="utf-8-sig")
    ran = run(folder, *FAST)
    assert ran.exit_code == 5
    assert f"15 numbers in 15 lines of results.csv (line {', '.join(str(place + 2) for place in places[:8])} and 7 others) are beyond the tolerance; 0 estimates among them." in ran.stderr


def test_without_rscript_the_command_still_verifies(folder, monkeypatch):
    monkeypatch.setenv("PATH", "")
    ran = run(folder)
    assert ran.exit_code == 0
    assert "there is no Rscript on the PATH" in ran.stderr


def test_a_centre_of_several_is_verified_with_the_file_of_all(tmp_path):
    """The report of one centre knows which one it is of."""
    cohort = haip.demo_cohort()
    frame = cohort.frame.assign(place=pd.Categorical(["North", "South"] * 30))
    plan = cohort.plan.model_copy(update={"cohort": cohort.plan.cohort.model_copy(update={"centre": "place"})})
    two = replace(cohort, frame=frame, plan=plan)
    report = haip.build_report(two, centre="North")
    assert report.run["centre"] == "North"
    found = verify(report, two, engines=["statsmodels", "Python"])
    assert found.passed
