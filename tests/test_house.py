"""The house: a room imports only from its own floor or a lower one, there are no circles, and starting is cheap."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

SRC = Path(__file__).resolve().parents[1] / "src" / "haip_outcomes"
FLOORS = {"errors": 0, "formatting": 0, "survival": 1, "registry": 2, "prognosis": 3, "programme": 3,
          "benchmark": 4, "figures": 5, "tables": 5, "report": 6, "curve_command": 7, "verify_command": 7, "cli": 7}  # fmt: skip


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


def test_curves_of_a_small_cohort_wait_for_no_compiler():
    code = (
        "import sys, pandas as pd, haip_outcomes as haip; f = pd.DataFrame({'t': [1, 2, 3, 4], 's': [1, 0, 1, 0], 'g': list('aabb')});"
        "tte = haip.TimeToEvent.from_frame(f, time='t', state='s', states=['Death']);"
        "haip.survival_curve(tte, f['g']).median(); haip.at_risk_table(tte, [0, 2]); haip.logrank(tte, f['g']); haip.follow_up(tte);"
        "print('numba' in sys.modules, 'sklearn' in sys.modules, 'matplotlib' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["False"] * 3


def test_the_first_compilation_is_told_on_a_terminal_and_nowhere_else(capsys, monkeypatch):
    from types import SimpleNamespace

    from haip_outcomes.survival.compiled import _Announcement

    ours = SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=_Announcement)})
    other = SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=SimpleNamespace)})
    _Announcement().on_start(ours)
    assert capsys.readouterr().err == ""  # a script, a report in the background
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    one = _Announcement()
    one.on_start(other)
    assert capsys.readouterr().err == ""
    one.on_start(ours)
    one.on_start(ours)
    assert capsys.readouterr().err.count("once on this machine") == 1


def test_a_kernel_calls_only_its_own_file():
    """Its copy on disk is not made anew when a kernel of another file changes, so it must not call one."""
    kernels = 0
    for path in rooms():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        ours = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("haip_outcomes")]
        imported = {alias.asname or alias.name for node in ours for alias in node.names}
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and any(getattr(d, "id", "") == "compiled" for d in function.decorator_list):
                kernels += 1
                used = {node.id for statement in function.body for node in ast.walk(statement) if isinstance(node, ast.Name)}
                assert not used & imported, f"{name_of(path)}.{function.name} uses {used & imported}"
    assert kernels
