"""What the documentation says is true: its code runs, its links lead somewhere, its scripts use public names only."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import haip_outcomes as haip

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("cohorts/*/README.md")]
WITH_PYTHON = [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")]
STUDY = ROOT / "scripts" / "tcia_study.py"  # takes the workbook that is not part of the project: tests/test_tcia_study.py
SCRIPTS = [script for script in sorted(ROOT.glob("scripts/*.py")) if script != STUDY]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not link.startswith(("http", "mailto:")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_python_of_the_pages_runs(page, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    room: dict = {}  # the blocks of a page build on each other
    for block in blocks:
        exec(compile(block, page.name, "exec"), room)
    assert capsys.readouterr().out.strip(), "the page's examples show nothing"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_short_use_public_names_and_run(script, tmp_path):
    source = script.read_text(encoding="utf-8")
    tree = ast.parse(source)
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "haip"}
    assert used <= set(haip.__all__), used - set(haip.__all__)
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert len([line for line in source.splitlines() if line.strip()]) <= 14
    for name in ("cohorts", "figures"):  # the script draws into a copy of the tree, the committed figures stay
        (tmp_path / name).mkdir() if name == "figures" else (tmp_path / name).symlink_to(ROOT / name)
    subprocess.run([sys.executable, str(script)], cwd=tmp_path, check=True, capture_output=True)
    for drawn in (tmp_path / "figures").iterdir():
        assert (ROOT / "figures" / drawn.name).is_file(), f"{drawn.name} is not among the committed figures: make figures"


def test_the_study_uses_public_names_and_asks_for_its_workbook():
    used = set(re.findall(r"\bhaip\.(\w+)", STUDY.read_text(encoding="utf-8")))
    assert used <= set(haip.__all__), used - set(haip.__all__)
    asked = subprocess.run([sys.executable, str(STUDY)], cwd=ROOT, capture_output=True, text=True)
    assert asked.returncode == 1
    assert "WORKBOOK" in asked.stderr


def test_the_plan_of_the_documentation_names_every_key():
    from haip_outcomes.registry.planning import parts as plan_parts

    text = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
    parts = [part for part in vars(plan_parts).values() if isinstance(part, type) and issubclass(part, plan_parts.Part) and part is not plan_parts.Part]
    assert len(parts) == 15
    for part in parts:
        for key in part.model_fields:
            assert re.search(rf"`[^`\n]*\b{key}\b", text), f"docs/plan.md does not explain {key} of {part.__name__}"


def test_no_path_of_a_machine_and_no_registry_in_what_is_committed():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if files.returncode:
        pytest.skip("not a git checkout")
    kinds = (".py", ".md", ".toml", ".txt", ".cff", ".R", ".csv", ".json", "")
    for name in files.stdout.splitlines():
        path = ROOT / name
        if path.suffix in kinds and path.is_file() and path != Path(__file__):
            text = path.read_text(encoding="utf-8", errors="ignore")
            assert not re.search(r"(?<![\w.])/(work|home|root|tmp)/\w", text), name
            assert not re.search(r"index-url|pythonhosted|pypi\.org", text), name
