"""Where chance comes from: a seed or numpy's Generator, the same for every simulated limit."""

from __future__ import annotations

from typing import Any

import numpy as np

from haip_outcomes.errors import EndpointError


def generator(rng: Any, why: str) -> np.random.Generator:
    """numpy's Generator of a seed, or the one given; without either the refusal says why one is needed."""
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0:
        return np.random.default_rng(int(rng))
    if rng is None:
        raise EndpointError(f"{why} Give a seed, as rng=1, so that the same limit can be had again; or a limit= agreed before.")
    raise EndpointError(f"rng must be a seed (a whole number, as rng=1) or numpy's Generator, so that the result can be had again; got {rng!r}.")


MOST_CHARTS = 10_000_000  # simulated
MOST_CASES = 100_000


def whole_number(value: Any, name: str, least: int, most: int = MOST_CHARTS) -> int:
    """The value as a whole number within these bounds."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) or not least <= value or (value <= most and value != int(value)):
        raise EndpointError(f"{name} must be a whole number of at least {least}; got {value!r}.")
    if value > most:
        raise EndpointError(f"{name} must be a whole number of at most {most:,}, and the one given is larger.")
    return int(value)
