"""Centres side by side in a funnel: how far from the target each may lie by chance, at its own size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import ndtr

from haip_outcomes.benchmark.case_mix.centre_counts import (
    SIZES,
    CentreCounts,
    Kind,
    centre_counts,
    one_each,
)
from haip_outcomes.benchmark.case_mix.count_limits import Counted
from haip_outcomes.benchmark.case_mix.plain_numbers import LARGEST, plain_numbers
from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import listed, number, percent, plural
from haip_outcomes.survival.intervals import critical_value, level_in_words
from haip_outcomes.survival.results import frame_of, in_order, shown_as_html

Overdispersion = Literal["multiplicative", "additive"]
FEWEST = 10  # centres: with fewer the spread between them is not known well enough to adjust for
WINSORISED = 0.1


@dataclass(frozen=True, eq=False, repr=False)
class Funnel:
    """Centres about a target. `tidy()` has a row a centre in the order given: this is no ranking. `limits(sizes)` are the lines.

    Attributes
    ----------
    kind, target, levels : "proportion" or "ratio"; what the limits stand about; their levels, the inner one first.
    phi, phi_unwinsorised : mean squared z of the centres, 1 where nothing but chance is at work; NaN for one centre.
    tau2 : variance between centres by the moment estimate from phi; 0 without over-dispersion.
    overdispersion : how the limits are widened, or None: not asked for, or refused because there are under 10 centres.
    method : the sentence the funnel writes about itself.
    """

    counts: CentreCounts
    target: float
    levels: tuple[float, ...]
    phi: float
    phi_unwinsorised: float
    tau2: float
    overdispersion: Overdispersion | None
    variance: np.ndarray | None
    method: str

    @property
    def kind(self) -> Kind:
        """ "proportion": events of patients; "ratio": events over expected events."""
        return self.counts.kind

    def limits(self, sizes: Any) -> pd.DataFrame:
        """The funnel's lines: a row a size and level: n or n_expected, conf_level, conf_low, conf_high.

        Exact for counts, with linear interpolation of the cumulative probability between them; widened normal limits where the
        funnel is adjusted for over-dispersion. The uncertainty of the expectation is a centre's own, so it is in `tidy()`, not here.
        """
        try:
            size = np.atleast_1d(plain_numbers(sizes))
        except (TypeError, ValueError):
            raise EndpointError(f"limits takes sizes above 0: numbers of patients, or of expected events; got {sizes!r}.") from None
        if size.ndim != 1 or not np.isfinite(size).all() or (size <= 0).any():
            raise EndpointError("limits takes sizes above 0: numbers of patients, or of expected events.")
        if (size > LARGEST).any():
            raise EndpointError(f"limits takes sizes up to {LARGEST:,}; got {size.max():g}.")
        if self.kind == "proportion" and (size != np.round(size)).any():
            raise EndpointError("Limits of proportions exist for whole numbers of patients; round the sizes.")
        found = [self._limits(level, size, None) for level in self.levels]
        k = len(self.levels)
        low, high = (np.column_stack([pair[i] for pair in found]).ravel() for i in (0, 1))
        return pd.DataFrame({SIZES[self.kind]: np.repeat(size, k), "conf_level": np.tile(self.levels, len(size)), "conf_low": low, "conf_high": high})

    def tidy(self) -> pd.DataFrame:
        """A row a centre, in the order given.

        group; estimate (its proportion, or observed over expected); std_error if the target is true; conf_low and conf_high, the
        inner limits at its size, outer_low and outer_high, the outermost; statistic (z) and z_adjusted (as the limits are);
        p_value, two-sided mid-p, and tail, its smaller side; n or n_expected, n_event; flag: "within", "below 95%", "above 99.8%", ...
        With limits adjusted for over-dispersion p_value, tail and flag are of z_adjusted.
        """
        counts, size = self.counts, self.counts.size
        inner, outer = self._limits(self.levels[0], size, self.variance), self._limits(self.levels[-1], size, self.variance)
        low, high = self._tails()
        tail = np.minimum(low, high)
        columns = {
            "group": counts.groups, "estimate": counts.estimate, "std_error": self._errors(size, self.variance),
            "conf_low": inner[0], "conf_high": inner[1], "statistic": self._z(),
            "p_value": np.minimum(1.0, 2 * tail), "n_event": counts.observed.astype(int), "tail": tail,
            "flag": [self._flag(a, b) for a, b in zip(low, high, strict=True)], "z_adjusted": self._adjusted_z(),
            "outer_low": outer[0], "outer_high": outer[1],
        }  # fmt: skip
        columns[SIZES[self.kind]] = size.astype(int) if self.kind == "proportion" else size
        return in_order(frame_of(columns))

    def glance(self) -> pd.DataFrame:
        """One row: n (centres), n_event, target, phi, phi_unwinsorised, tau2, overdispersion."""
        return frame_of({"n": [len(self.counts)], "n_event": [int(self.counts.observed.sum())], "target": [self.target], "phi": [self.phi],
                         "phi_unwinsorised": [self.phi_unwinsorised], "tau2": [self.tau2], "overdispersion": [self.overdispersion]})  # fmt: skip

    @property
    def flagged(self) -> pd.DataFrame:
        """The rows of `tidy()` outside the inner limits, in the order given."""
        frame = self.tidy()
        return frame[frame["flag"] != "within"].reset_index(drop=True)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What may be said of each centre outside the limits; one sentence when there is none."""
        said = []
        for row in self.flagged.to_dict("records"):
            value = percent(row["estimate"]) if self.kind == "proportion" else number(row["estimate"])
            side, _, level = str(row["flag"]).partition(" ")
            said.append(f"{row['group']}: {value}, {side} the {level} limits (p {_p(row['p_value'])}).")
        inner = level_in_words(self.levels[0])
        return tuple(said) or (f"All {len(self.counts)} lie within the {inner} limits." if len(self.counts) > 1 else f"It lies within the {inner} limits.",)

    def __repr__(self) -> str:
        return "\n".join([*self.sentences, self.method])

    def _repr_html_(self) -> str:
        return shown_as_html("Funnel", self.tidy(), self.method)

    def _errors(self, size: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        """The standard error of an estimate of this size if the target is true."""
        if self.kind == "proportion":
            return np.sqrt(self.target * (1 - self.target) / size)
        return np.sqrt(self.target / size + (0.0 if variance is None else self.target**2 * variance / size**2))

    def _z(self) -> np.ndarray:
        return np.asarray((self.counts.estimate - self.target) / self._errors(self.counts.size, self.variance))

    def _widened(self, size: np.ndarray, variance: np.ndarray | None) -> np.ndarray:
        errors = self._errors(size, variance)
        if self.overdispersion == "multiplicative":
            return errors * np.sqrt(max(1.0, self.phi))
        return np.sqrt(errors**2 + self.tau2) if self.overdispersion == "additive" else errors

    def _adjusted_z(self) -> np.ndarray:
        return np.asarray((self.counts.estimate - self.target) / self._widened(self.counts.size, self.variance))

    def _limits(self, level: float, size: np.ndarray, variance: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        if self.overdispersion is None:
            return Counted(self.kind, size, self.target, variance).limits(level)
        reach = NormalDist().inv_cdf((1 + level) / 2) * self._widened(size, variance)
        top = 1.0 if self.kind == "proportion" else np.inf
        return np.clip(self.target - reach, 0.0, top), np.clip(self.target + reach, 0.0, top)

    def _tails(self) -> tuple[np.ndarray, np.ndarray]:
        if self.overdispersion is None:
            return Counted(self.kind, self.counts.size, self.target, self.variance).tails(self.counts.observed)
        z = self._adjusted_z()
        return ndtr(z), ndtr(-z)

    def _flag(self, low: float, high: float) -> str:
        passed = [level for level in self.levels if min(low, high) < (1 - level) / 2]
        return f"{'below' if low < high else 'above'} {level_in_words(passed[-1])}" if passed else "within"


def funnel(
    observed: Any,
    expected_or_n: Any,
    *,
    target: float,
    levels: Sequence[float] = (0.95, 0.998),
    kind: Kind | None = None,
    groups: Any = None,
    overdispersion: Overdispersion | None = None,
    variance_of_expected: Any = None,
) -> Funnel:
    """Is a centre further from the target than chance explains at its size? All centres in one picture, none ranked.

    Parameters
    ----------
    observed : events of each centre (I,), whole numbers; a Series' index names the centres.
    expected_or_n : patients of each centre, or its expected events from a reference model (`ReferenceModel.expected`).
    target : what the centres are held against: a proportion (such as a published 0.22), or for ratios usually 1. A target that is the
        centres' own mean is known as badly as they are few; the limits ignore that.
    levels : of the limits; 95% and 99.8% as in most funnels. Of 20 sound centres one lies outside 95% limits by chance.
    kind : "proportion" (binomial) or "ratio" (Poisson); without it whole numbers and a target below 1 are proportions, whole numbers and a target
        of 1 to 2 ratios (the method says so), and whole numbers with a target above 2 refused: that would be per cent.
    groups : the centres' names, in order.
    overdispersion : "multiplicative" or "additive" widens the limits for differences between centres that the case mix does not
        explain. Never with under 10 centres: the limits then stay exact, and the sentence says so.
    variance_of_expected : for ratios, Var(E) of each centre when E comes from an estimated model (`Expected.tidy()`); a Series is aligned by its
        index, as the others are.

    Formulas
    --------
    Limit for quantile q at size n (Spiegelhalter 2005, doi 10.1002/sim.1970, appendix): r the smallest count with P(X <= r) >= q,
    a = (P(X <= r) - q) / P(X = r), limit = (r - a)/n, within 0 and 1; Poisson divided by E. Flags come from the tail probability
    (mid-p) P(X > k) + P(X = k)/2 against (1 - level)/2, not from the line: a centre less than one event from the line can fall
    on either side of it. z_i = (y_i - target)/s_i with s_i^2 = target (1 - target)/n_i, or target/E_i. phi = mean of z^2 with z
    winsorised at its 10th and 90th percentile; multiplicative s_i sqrt(max(1, phi)); additive s_i^2 + tau2, tau2 = (I phi - (I - 1)) /
    (sum w - sum w^2 / sum w), w = 1/s_i^2, at least 0; limits then target -+ z s. (That Spiegelhalter winsorises 10% was read in the
    code of R's FunnelPlotR, not in the article.) With Var(E) the events are negative binomial about t E, variance t E + t^2 Var(E).

    Raises
    ------
    EndpointError : counts that can't be (all are named), a target or level out of range.

    Equals R's `qbinom`/`pbinom` (`qpois`/`ppois`, `qnbinom`/`pnbinom`) in that formula.

    >>> found = funnel([14, 2, 11], [60, 20, 28], target=0.22, groups=["A", "B", "C"])
    >>> found.tidy()[["group", "estimate", "conf_low", "conf_high", "flag"]].round(3)
      group  estimate  conf_low  conf_high       flag
    0     A     0.233     0.111      0.321     within
    1     B     0.100     0.023      0.391     within
    2     C     0.393     0.056      0.365  above 95%
    """
    if not isinstance(target, (int, float, np.number)) or isinstance(target, bool) or not 0 < target < np.inf:
        raise EndpointError(f"target must be a number above 0: a proportion such as 0.22, or 1 for observed over expected; got {target!r}.")
    counts = centre_counts(observed, expected_or_n, kind, groups, "funnel", float(target))
    if kind is None and target > 2 and counts.kind == "ratio" and (counts.size == np.round(counts.size)).all():
        raise EndpointError(f"A target of {target:g} for whole numbers looks like per cent: write {target / 100:g} for a proportion, or say kind=\"ratio\" if "
                            f"{target:g} times the expected events is meant.")  # fmt: skip
    if counts.kind == "proportion" and target >= 1:
        raise EndpointError(f"A proportion's target lies between 0 and 1, not at {target:g}. For observed over expected say kind=\"ratio\".")
    if overdispersion not in (None, "multiplicative", "additive"):
        raise EndpointError(f'overdispersion must be "multiplicative", "additive" or None. {did_you_mean(str(overdispersion), ["multiplicative", "additive"])}')
    chosen = _levels(levels)
    variance = _variances(variance_of_expected, counts)
    plain = Funnel(counts, float(target), chosen, np.nan, np.nan, 0.0, None, variance, "")
    phi, rough, tau2 = _spread(plain)
    used = overdispersion if len(counts) >= FEWEST else None
    method = _method(plain, overdispersion, used, phi, tau2)
    if kind is None and counts.kind == "ratio" and (counts.size == np.round(counts.size)).all() and (counts.observed <= counts.size).all():
        method += f"; whole numbers taken as expected events, because no proportion has a target of {target:g} (kind= says otherwise)"
    return Funnel(counts, float(target), chosen, phi, rough, tau2, used, variance, method)


def _levels(given: Any) -> tuple[float, ...]:
    """The levels in order, the inner first."""
    wrong = f"levels must be one or more shares between 0 and 1, such as (0.95, 0.998); got {given!r}."
    if isinstance(given, str) or given is None:
        raise EndpointError(wrong)
    each = list(given) if np.iterable(given) else [given]
    if not each or any(isinstance(level, bool) or not isinstance(level, (int, float, np.number)) for level in each):
        raise EndpointError(wrong)
    for level in each:
        critical_value(level)
    return tuple(sorted({float(level) for level in each}))


def _variances(given: Any, counts: CentreCounts) -> np.ndarray | None:
    if given is None:
        return None
    if counts.kind == "proportion":
        raise EndpointError('variance_of_expected belongs to expected events (kind="ratio"), not to numbers of patients.')
    found = one_each(given, counts, "variance_of_expected", "funnel")
    if found.shape != counts.size.shape or not np.isfinite(found).all() or (found < 0).any():
        raise EndpointError(f"variance_of_expected must be a number of 0 or more for each of the {plural(len(counts), 'centre')}.")
    return found


def _spread(plain: Funnel) -> tuple[float, float, float]:
    """phi with z winsorised, phi without, and the additive variance between centres."""
    i = len(plain.counts)
    if i < 2:
        return np.nan, np.nan, 0.0
    z = plain._z()
    phi = float(np.mean(np.clip(z, *np.quantile(z, [WINSORISED, 1 - WINSORISED])) ** 2))
    w = plain._errors(plain.counts.size, plain.variance) ** -2
    tau2 = (i * phi - (i - 1)) / float(w.sum() - (w**2).sum() / w.sum())
    return phi, float(np.mean(z**2)), max(0.0, tau2)


def _method(plain: Funnel, asked: str | None, used: str | None, phi: float, tau2: float) -> str:
    levels = listed([level_in_words(level) for level in plain.levels])
    centres = plural(len(plain.counts), "centre")
    what = "Proportions" if plain.kind == "proportion" else "Observed over expected events"
    words = [f"{what} of {centres} about a target of {plain.target:.4g}"]
    known = "Poisson" if plain.variance is None else "negative binomial (the uncertainty of the expected events counted)"
    exact = "binomial" if plain.kind == "proportion" else known
    if used is None:
        words.append(f"exact {exact} {levels} limits interpolated between counts (Spiegelhalter 2005), flags by mid-p")
    else:
        how = f"phi {number(phi)}" if used == "multiplicative" else f"variance between centres {tau2:.3g}"
        words.append(f"{levels} limits widened for over-dispersion ({used}, {how}, z winsorised at 10%)")
    if asked and used is None:
        words.append(f"not adjusted for over-dispersion: {centres} are too few ({FEWEST} are needed)")
    return "; ".join([*words, "in the order given, not ranked"])


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"
