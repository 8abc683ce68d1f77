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


def whole_number(value: Any, name: str, least: int) -> int:
    """The value as a whole number of at least so much."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) or value != np.floor(value) or value < least:
        raise EndpointError(f"{name} must be a whole number of at least {least}; got {value!r}.")
    return int(value)
