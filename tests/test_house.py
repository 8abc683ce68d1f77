"""The house: a room imports only from its own floor or a lower one, there are no circles, and starting is cheap."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

SRC = Path(__file__).resolve().parents[1] / "src" / "haip_outcomes"
FLOORS = {"errors": 0, "formatting": 0, "survival": 1, "registry": 2, "prognosis": 3, "programme": 3,
          "benchmark": 4, "figures": 5, "tables": 5, "report": 6, "cli": 7}  # fmt: skip


def rooms():
    return [path for path in sorted(SRC.rglob("*.py")) if path.name != "__init__.py"]


def name_of(path):
    return ".".join(path.relative_to(SRC).with_suffix("").parts)


def imports_of(path):
    """The rooms that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        modules = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (module for module in modules if module)


def test_imports_only_go_down():
    for path in rooms():
        floor = FLOORS[name_of(path).split(".")[0]]
        for module in imports_of(path):
            if module.startswith("haip_outcomes."):
                other = module.removeprefix("haip_outcomes.").split(".")[0]
                assert FLOORS[other] <= floor, f"{name_of(path)} imports {module}"


def test_there_are_no_circles():
    graph = {name_of(p): {m.removeprefix("haip_outcomes.") for m in imports_of(p) if m.startswith("haip_outcomes.")} for p in rooms()}
    assert list(TopologicalSorter(graph).static_order())


def test_matplotlib_stays_in_the_figures_room_and_scikit_survival_in_prognosis():
    for path in rooms():
        room = name_of(path).split(".")[0]
        for module in imports_of(path):
            assert not module.startswith("matplotlib") or room == "figures", f"{name_of(path)} imports {module}"
            assert not module.startswith("sksurv") or room == "prognosis", f"{name_of(path)} imports {module}"


def test_sub_packages_re_export_nothing_and_no_module_has_the_name_of_a_public_function():
    import haip_outcomes

    for path in SRC.rglob("__init__.py"):
        if path.parent != SRC:
            assert len(ast.parse(path.read_text(encoding="utf-8")).body) == 1, f"{path} holds more than its docstring"
    names = {name_of(path).split(".")[-1] for path in rooms()}
    assert not names & set(haip_outcomes._HOME)


def test_importing_loads_only_numpy_and_pandas():
    code = "import sys; before = set(sys.modules); import haip_outcomes; print(*(set(sys.modules) - before))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = {name.split(".")[0] for name in out.split()} - set(sys.stdlib_module_names)
    assert loaded <= {"haip_outcomes", "numpy", "pandas", "dateutil", "pytz", "six", "tzdata"}


def test_every_public_name_is_there_and_explains_itself():
    import haip_outcomes

    for name in haip_outcomes._HOME:
        thing = getattr(haip_outcomes, name)
        assert thing.__doc__, f"{name} has no docstring"
        assert thing.__module__.startswith("haip_outcomes."), name


def test_the_wrong_thing_is_refused_with_the_way_to_the_right_one():
    import pandas as pd
    import pytest

    import haip_outcomes as haip

    frame = pd.DataFrame({"months": [1, 2], "dead": [1, 0]})
    for verb in (haip.survival_curve, haip.follow_up, haip.cumulative_incidence):
        with pytest.raises(haip.EndpointError, match=r"takes a TimeToEvent.*cohort\.endpoint"):
            verb(frame)
    with pytest.raises(haip.EndpointError, match="takes a TimeToEvent"):
        haip.cox(haip.demo_cohort(), haip.design(frame, ["dead"]))
    for verb in (haip.compare, haip.proportions, haip.build_report, haip.baseline_table):
        with pytest.raises(haip.EndpointError, match=r"takes a Cohort.*read_cohort"):
            verb(frame)
