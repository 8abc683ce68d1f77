"""The worked examples of the methods notes, to full precision: what goes in, what comes out, and their data sets.

`tests/reference/methods_examples.json` is a copy of the notes' own file (numbers by numpy, scipy and R, as each entry says).
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

FILE = Path(__file__).parents[1] / "reference" / "methods_examples.json"


@lru_cache(maxsize=1)
def _content() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


def example(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The input and the output of an example: `given, expected = example("m10_logit")`."""
    found = next(one for one in _content()["examples"] if one["id"] == name)
    return found["input"], found["output"]


def dataset(name: str) -> pd.DataFrame:
    """A data set of the examples: columns time and status (or state)."""
    return pd.DataFrame(_content()["datasets"][name])


def simulation(name: str) -> Any:
    """What a simulation of the notes found."""
    return _content()["simulations"][name]
