"""The commands as a person in a shell meets them."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from small_centre import HEADER, ROWS

from haip_outcomes.cli import main
from haip_outcomes.errors import EndpointError

ROOT = Path(__file__).resolve().parents[1]
COMMAND = [sys.executable, "-c", "from haip_outcomes.cli import main; main()"]


def run(*arguments, **options):
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, **options)


@pytest.fixture
def centre(tmp_path):
    """A small centre with a plan beside its file."""

    def _centre(lines):
        (tmp_path / "small.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
        return tmp_path / "small.csv"

    return _centre


PLAN = """
[cohort]
name = "Small centre"
id = "key"
setting = "setting"
[columns.age]
kind = "number"
[columns.sarcopenia]
levels = { "0" = "No", "1" = "Yes" }
[missing]
codes = ["-999", "UNK"]
[endpoints.os]
label = "Overall survival"
start = "pump"
last_seen = "contact"
events = { Death = "death" }
"""


def test_demo_writes_a_report_and_says_only_its_path_on_stdout(tmp_path):
    out = tmp_path / "demo"
    done = run("demo", "--out", out)
    assert (done.returncode, done.stdout) == (0, f"{out / 'index.html'}\n")
    assert (out / "index.html").is_file()
    assert "60 patients (26 adjuvant and 34 unresectable)" in done.stderr
    assert "█" not in done.stderr, "bars only on a terminal"
    again = run("demo", "--out", out)
    assert (again.returncode, again.stdout) == (2, "")
    assert "--overwrite" in again.stderr
    assert run("demo", "--out", out, "--overwrite").returncode == 0


def test_check_says_what_is_there(centre):
    done = run("check", centre([HEADER, *ROWS]))
    assert (done.returncode, done.stdout) == (0, "")
    assert "No problems found." in done.stderr
    assert "not read: liver, imaging" in done.stderr


@pytest.mark.parametrize("command", ["check", "analyse"])
def test_problems_are_a_table_exit_3_no_traceback_nothing_written(centre, tmp_path, command):
    path = centre([HEADER, ROWS[0].replace("2019-01-01", "03.04.2019"), *ROWS[1:]])
    options = ["--out", tmp_path / "report"] if command == "analyse" else []
    done = run(command, path, *options)
    assert (done.returncode, done.stdout) == (3, "")
    assert "1 problem in small.csv:" in done.stderr
    assert "03.04.2019" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plan.toml", "small.csv"]


def test_a_wrong_plan_is_exit_2(centre, tmp_path):
    path = centre([HEADER, *ROWS])
    (tmp_path / "plan.toml").write_text(PLAN.replace("start", "strat"))
    done = run("analyse", path, "--out", tmp_path / "report")
    assert done.returncode == 2
    assert 'Did you mean "start"?' in done.stderr
    assert not (tmp_path / "report").exists()
    (tmp_path / "plan.toml").unlink()
    assert run("check", path).returncode == 2
    assert run("analyse", path).returncode == 2, "a missing --out is a matter of usage"


@pytest.mark.parametrize("command", ["check", "analyse"])
def test_a_plan_that_names_no_published_figure_is_exit_2(centre, tmp_path, command):
    path = centre([HEADER, *ROWS])
    (tmp_path / "plan.toml").write_text(PLAN + '\n[benchmark]\njudge = ["pak2018-cnv"]\n')
    done = run(command, path, *(["--out", tmp_path / "report"] if command == "analyse" else []))
    assert done.returncode == 2
    assert 'Did you mean "pak2018-conv"?' in done.stderr
    assert not (tmp_path / "report").exists()


def test_analyse_makes_what_it_can(centre, tmp_path):
    done = run("analyse", centre([HEADER, *ROWS]), "--out", tmp_path / "report")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'report' / 'index.html'}\n")
    assert "could not be done" in done.stderr


def test_nothing_to_analyse_is_exit_4(centre, tmp_path, monkeypatch):
    def refused(cohort, **options):
        raise EndpointError("Nothing could be analysed: no follow-up.")

    monkeypatch.setattr("haip_outcomes.report.build.build_report", refused)
    done = CliRunner().invoke(main, ["analyse", str(centre([HEADER, *ROWS])), "--out", str(tmp_path / "report")])
    assert (done.exit_code, done.stdout) == (4, "")
    assert "Error: Nothing could be analysed" in done.stderr
    assert not (tmp_path / "report").exists()


def test_a_place_that_cannot_be_written_is_said_before_the_work(centre, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    done = run("analyse", centre([HEADER, *ROWS]), "--out", tmp_path / "file" / "report")
    assert (done.returncode, done.stdout) == (2, "")
    assert "can't be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_progress_on_a_terminal(tmp_path):
    parent, child = pty.openpty()
    process = subprocess.Popen([*COMMAND, "demo", "--out", str(tmp_path / "demo")], stdout=subprocess.PIPE, stderr=child, cwd=ROOT)
    os.close(child)
    shown = b""
    while True:
        try:
            shown += os.read(parent, 4096)
        except OSError:
            break
    assert process.wait() == 0
    assert "█" in shown.decode()
    assert "overall survival" in shown.decode()


def test_the_public_workbook(workbook, tmp_path):
    done = run("analyse", workbook, "--plan", ROOT / "cohorts/tcia_crlm/plan.toml", "--out", tmp_path / "tcia")
    assert done.returncode == 0
    assert (tmp_path / "tcia" / "figures" / "first_site_comparator_by_chemo_before_liver_resection.pdf").is_file()
