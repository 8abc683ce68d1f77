"""Limits: the critical value of a confidence level, and limits of probabilities on the scales that R offers."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from scipy.special import ndtri

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import number

ConfType = Literal["plain", "log", "log-log", "logit", "arcsine"]


def critical_value(conf_level: float) -> float:
    """1.96 for 0.95."""
    if not isinstance(conf_level, (int, float, np.number)) or not 0 < conf_level < 1:
        raise EndpointError(f"conf_level is a share between 0 and 1, such as 0.95; got {conf_level!r}.")
    return float(ndtri(1 - (1 - conf_level) / 2))


def checked_conf_type(conf_type: str) -> None:
    """Refuse a scale that does not exist."""
    if conf_type not in get_args(ConfType):
        raise EndpointError(f'There is no conf_type "{conf_type}". {did_you_mean(conf_type, get_args(ConfType))}')


def level_in_words(conf_level: float) -> str:
    """95% for 0.95, 99.99% for 0.9999: as many digits as it has, and enough that it is neither 0% nor 100%."""
    share = 100 * conf_level
    edge = min(share, 100 - share)
    most = 2 if not edge > 0 else max(2, 1 - math.floor(math.log10(edge)))
    digits = next((digits for digits in range(most) if abs(round(share, digits) - share) <= 1e-9 * edge), most)
    return f"{share:.3g}%" if digits > 10 and share < 50 else f"{number(share, digits)}%"


def confidence_limits(
    p: np.ndarray, se: np.ndarray, z: float, conf_type: str
) -> tuple[np.ndarray, np.ndarray]:
    """Limits of probabilities p with standard errors se on a scale, carried back: as R's survfit_confint.

    For p near 0 (an incidence) as for p near 1 (survival); NaN where the scale has no limits.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        relative = np.where(se == 0, 0.0, se / p)  # the standard error of log p
        if conf_type == "plain":
            return np.maximum(p - z * relative * p, 0.0), np.minimum(p + z * relative * p, 1.0)
        p = np.where(p == 0, np.nan, p)
        if conf_type == "log":
            return p * np.exp(-z * relative), np.minimum(p * np.exp(z * relative), 1.0)
        if conf_type == "log-log":
            log = np.log(np.where(p == 1, np.nan, p))
            width = z * relative / log  # negative
            return np.exp(log * np.exp(-width)), np.exp(log * np.exp(width))
        if conf_type == "logit":
            logit, width = np.log(p / (1 - p)), z * relative / (1 - p)
            return 1 / (1 + np.exp(width - logit)), 1 / (1 + np.exp(-width - logit))
        angle, width = np.arcsin(np.sqrt(p)), 0.5 * z * relative * np.sqrt(p / (1 - p))
        return np.sin(np.maximum(0.0, angle - width)) ** 2, np.sin(np.minimum(np.pi / 2, angle + width)) ** 2
