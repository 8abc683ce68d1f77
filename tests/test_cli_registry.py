"""The commands around a registry: a first plan, the page of problems, several centres, REDCap."""

import pytest
from click.testing import CliRunner
from small_centre import HEADER, ROWS
from test_cli import PLAN, ROOT

from haip_outcomes.cli import main
from haip_outcomes.registry.plan import load_plan


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def centre(tmp_path):
    def _centre(name, lines):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
        return tmp_path / name

    return _centre


def test_a_first_plan_is_written_once_and_reads_its_file(tmp_path):
    out, file = tmp_path / "plan.toml", ROOT / "cohorts/demo_centre/demo.csv"
    done = invoke("plan", file, "--out", out)
    assert (done.exit_code, done.stdout) == (0, f"{out}\n")
    assert "guesses to confirm" in done.stderr
    assert "os" in load_plan(out).endpoints
    again = invoke("plan", file, "--out", out)
    assert again.exit_code == 2
    assert "may hold what you have confirmed" in again.stderr
    assert invoke("plan", file, "--out", out, "--overwrite").exit_code == 0
    assert invoke("check", file, "--plan", out).exit_code == 0


def test_the_page_of_problems_is_written_with_errors_and_without(centre, tmp_path):
    page = tmp_path / "problems.html"
    done = invoke("check", centre("bad.csv", [HEADER, ROWS[0].replace("61", "x"), *ROWS[1:]]), "--html", page)
    assert done.exit_code == 3
    assert str(page) in done.stderr
    assert ">x<" in page.read_text(encoding="utf-8")
    assert invoke("check", centre("good.csv", [HEADER, *ROWS]), "--html", page).exit_code == 2  # it exists
    assert invoke("check", centre("good.csv", [HEADER, *ROWS]), "--html", page, "--overwrite").exit_code == 0
    assert not [key for key in ("A1", "A2", "A3") if key in page.read_text(encoding="utf-8")]


def test_several_centres(centre):
    one, two = centre("one.csv", [HEADER, *ROWS]), centre("two.csv", [HEADER, ROWS[0].replace("A1", "B1")])
    done = invoke("check", one, two)
    assert done.exit_code == 0
    assert "5 patients" in done.stderr
    bad = centre("two.csv", [HEADER, ROWS[0].replace("A1", "B1").replace("61", "x")])
    done = invoke("check", one, bad)
    assert done.exit_code == 3
    assert "two.csv" in done.stderr.splitlines()[2]


@pytest.mark.parametrize("arguments", [
    ["check"], ["check", "--redcap"], ["check", "a.csv", "--redcap", "--plan", "plan.toml"], ["check", "a.csv", "--plan", "p.toml", "--plan", "q.toml"],
])  # fmt: skip
def test_what_can_not_be_meant_is_a_usage_error(arguments):
    assert invoke(*arguments).exit_code == 2


def test_redcap_without_an_address_or_a_token(tmp_path, monkeypatch):
    monkeypatch.delenv("REDCAP_API_TOKEN", raising=False)
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN + '\n[redcap]\ndictionary = "dictionary.csv"\n', encoding="utf-8")
    done = invoke("check", "--redcap", "--plan", plan)
    assert done.exit_code == 2
    assert "url" in done.stderr
    plan.write_text(PLAN + '\n[redcap]\nurl = "https://redcap.example.org/api/"\n', encoding="utf-8")
    done = invoke("check", "--redcap", "--plan", plan)
    assert done.exit_code == 2
    assert "REDCAP_API_TOKEN" in done.stderr
