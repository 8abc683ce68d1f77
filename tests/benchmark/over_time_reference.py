"""What R computed: tests/reference/over_time.R."""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np

FILE = Path(__file__).parents[1] / "reference" / "over_time.json"


@lru_cache(maxsize=1)
def over_time():
    return json.loads(FILE.read_text(encoding="utf-8"))


def close(found, expected, tolerance=1e-8):
    """Two-sided, relative to max(|expected|, 0.001)."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    assert found.shape == expected.shape
    gap = np.abs(found - expected) / np.maximum(np.abs(expected), 1e-3)
    assert (gap <= tolerance).all(), f"{np.max(gap):.3g}"
