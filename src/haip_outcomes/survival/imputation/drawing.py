"""Values drawn for those who lack one, from models fitted to those who have it; for many imputations at once.

Everywhere m imputations, a rows that have the value, b rows that lack it, p columns of predictors: the first is 1 for the intercept, the others
are centred and scaled. The predictors differ between imputations, x (m, a, p) and new (m, b, p); the observed values y (a,) do not.
Each draw is proper: first the coefficients are drawn from their (approximate) posterior, then the values given those.
"""

from __future__ import annotations

import numpy as np

RIDGE = 1e-6  # of the observations, on scaled predictors: moves nothing that can be seen, and lets nearly collinear columns stand
STEPS = 50  # of Newton's method at most
DONORS = 5


def linear(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients of a linear regression (m, p), a draw of them (m, p), and of the residual standard deviation (m,).

    With V = (X'X + ridge)^-1 and b = V X'y: s^2 = sum of squared residuals / chi-squared(a - p), and b* is normal with mean b and
    variance s^2 V. Rubin 1987, page 167 (doi 10.1002/9780470316696). Equals mice's `norm.draw`.
    """
    m, a, p = x.shape
    products = x.transpose(0, 2, 1) @ x
    products[:, np.arange(1, p), np.arange(1, p)] += RIDGE * a
    b = np.linalg.solve(products, x.transpose(0, 2, 1) @ y[:, None])
    left = np.sum((y - (x @ b)[:, :, 0]) ** 2, axis=1)
    sigma = np.sqrt(left / rng.chisquare(max(a - p, 1), m))
    drawn = b[:, :, 0] + sigma[:, None] * _normal(rng, products)
    return b[:, :, 0], drawn, sigma


def from_regression(rng: np.random.Generator, x: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Bayesian linear regression: the drawn line and a drawn residual, (m, b). Nothing holds them within the range observed."""
    centre, scale = y.mean(), y.std()
    _, drawn, sigma = linear(rng, x, (y - centre) / scale)
    values = (new @ drawn[:, :, None])[:, :, 0] + sigma[:, None] * rng.standard_normal(new.shape[:2])
    return centre + scale * values


def from_donors(rng: np.random.Generator, x: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Predictive mean matching of type 1: the value of one of the five whose prediction is nearest, (m, b).

    Those who have the value are predicted with b, those who lack it with the drawn b*; of the five nearest one is taken at random. Values are
    those of real patients, so levels stay levels and no range is left. Equals mice's `pmm`.
    """
    b, drawn, _ = linear(rng, x, (y - y.mean()) / y.std())
    have, lack = (x @ b[:, :, None])[:, :, 0], (new @ drawn[:, :, None])[:, :, 0]
    return y[nearest(rng, have, lack, min(DONORS, len(y)))]


def nearest(rng: np.random.Generator, have: np.ndarray, lack: np.ndarray, k: int) -> np.ndarray:
    """For each of `lack` (m, b) one of the k nearest of `have` (m, a), at random: their places, (m, b). Ties fall by lot."""
    m, a = have.shape
    b = lack.shape[1]
    have, lack = np.round(have, 9), np.round(lack, 9)  # equal but for rounding is equal
    lot = rng.permuted(np.broadcast_to(np.arange(a), (m, a)), axis=1)
    order = np.take_along_axis(lot, np.argsort(np.take_along_axis(have, lot, 1), axis=1, kind="stable"), 1)
    value = np.take_along_axis(have, order, 1)
    both = np.argsort(np.concatenate([lack, value], axis=1), axis=1, kind="stable")
    smaller = np.cumsum(both >= b, axis=1)  # how many of `have` stand before each
    place = np.empty((m, a + b), dtype=np.int64)
    np.put_along_axis(place, both, smaller, 1)
    window = place[:, :b, None] + np.arange(-k, k)
    inside = (window >= 0) & (window < a)
    window = np.clip(window, 0, a - 1)
    those = np.take_along_axis(value, window.reshape(m, -1), 1).reshape(window.shape)
    far = np.where(inside, np.abs(those - lack[:, :, None]), np.inf)
    close = np.argpartition(far, k - 1, axis=2)[:, :, :k]
    pick = np.take_along_axis(close, rng.integers(0, k, (m, b, 1)), 2)
    return np.take_along_axis(order, np.take_along_axis(window, pick, 2)[:, :, 0], 1)


def from_levels(
    rng: np.random.Generator, x: np.ndarray, y: np.ndarray, new: np.ndarray, everybody: np.ndarray, start: np.ndarray | None, shift: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """(Multinomial) logistic regression with drawn coefficients: levels 0 ... K-1, (m, b), and where the next round starts.

    A few rows of small weight are added so that a column that tells a level perfectly does not send its coefficient to infinity: for each
    predictor and level two rows at the predictor's mean -+ half its standard deviation among everybody (within its range), all other predictors at their
    means; together they weigh as much as p patients. White, Daniel and Royston 2010 (doi 10.1016/j.csda.2010.04.005). With two levels it
    equals mice's `logreg`; with more, mice's `polyreg` does not draw the coefficients and this does. `shift` is added to the log odds.
    """
    levels = int(y.max()) + 1
    added, y_added, weight = augmentation(everybody[:, :, 1:], levels)
    ones = np.ones((*added.shape[:2], 1))
    x = np.concatenate([x, np.concatenate([ones, added], axis=2)], axis=1)
    y = np.concatenate([y.astype(np.int64), y_added])
    weights = np.concatenate([np.ones(len(y) - len(y_added)), np.full(len(y_added), weight)])
    b, information = logistic(x, y, weights, levels, start)
    drawn = b + _normal(rng, information).reshape(len(x), levels - 1, -1)
    share = _shares(new @ drawn.transpose(0, 2, 1) + shift)
    passed = np.cumsum(share, axis=2)[:, :, :-1]
    values = np.sum(rng.random((*passed.shape[:2], 1)) > passed, axis=2)
    return values.astype(float), b


def augmentation(x: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray, float]:
    """The rows added (m, 2 p K, p), their levels, and the weight of each: mice's `augment`."""
    p = x.shape[2]
    mean, half = x.mean(axis=1), x.std(axis=1, ddof=1) / 2
    moved = np.zeros((p, levels, 2, p))
    moved[np.arange(p), :, 0, np.arange(p)], moved[np.arange(p), :, 1, np.arange(p)] = 1, -1
    rows = mean[:, None] + moved.reshape(2 * p * levels, p) * half[:, None]
    rows = np.clip(rows, x.min(axis=1)[:, None], x.max(axis=1)[:, None])
    return rows, np.tile(np.repeat(np.arange(levels), 2), p), (p + 1) / (2 * p * levels) if p else 0.0


def logistic(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, levels: int, start: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (m, K-1, p) of levels 1 ... K-1 against 0, and their information (m, (K-1)p, (K-1)p), by Newton's method."""
    m, a, p = x.shape
    k = levels - 1
    is_level = (y[:, None] == np.arange(1, levels)).astype(float)
    ridge = np.tile(np.r_[0.0, np.full(p - 1, RIDGE * a)], k)

    def at(b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        eta = x @ b.transpose(0, 2, 1)
        high = np.maximum(eta.max(axis=2), 0)
        total = high + np.log(np.exp(-high) + np.exp(eta - high[:, :, None]).sum(axis=2))
        value = ((eta * is_level).sum(axis=2) - total) @ weights - (ridge * b.reshape(m, -1) ** 2).sum(axis=1) / 2
        return np.exp(eta - total[:, :, None]), value

    b = np.zeros((m, k, p)) if start is None else start.copy()
    share, value = at(b)
    for _ in range(STEPS):
        score = ((is_level - share) * weights[:, None]).transpose(0, 2, 1) @ x
        score = score.reshape(m, -1) - ridge * b.reshape(m, -1)
        information = _information(x, share, weights)
        information[:, np.arange(k * p), np.arange(k * p)] += ridge
        step = np.linalg.solve(information, score[:, :, None])[:, :, 0]
        done = (score * step).sum(axis=1) < 1e-12  # squared, in standard errors
        if done.all():
            return b + step.reshape(m, k, p), information
        step = np.where(done[:, None], 0.0, step).reshape(m, k, p)
        share, new_value = at(b + step)
        for _ in range(30):
            worse = new_value < value - 1e-10 * (1 + np.abs(value))
            if not worse.any():
                break
            step[worse] /= 2
            share, new_value = at(b + step)
        b, value = b + step, new_value
    return b, information


def _information(x: np.ndarray, share: np.ndarray, weights: np.ndarray) -> np.ndarray:
    m, _, p = x.shape
    k = share.shape[2]
    found = np.empty((m, k, p, k, p))
    for i in range(k):
        for j in range(i, k):
            own = weights * share[:, :, i] * ((i == j) - share[:, :, j])
            block = x.transpose(0, 2, 1) @ (x * own[:, :, None])
            found[:, i, :, j], found[:, j, :, i] = block, block.transpose(0, 2, 1)
    return found.reshape(m, k * p, k * p)


def _shares(eta: np.ndarray) -> np.ndarray:
    """Probabilities (m, b, K) of all levels from the log odds (m, b, K-1) against the first."""
    eta = np.concatenate([np.zeros((*eta.shape[:2], 1)), eta], axis=2)
    share = np.exp(eta - eta.max(axis=2, keepdims=True))
    return share / share.sum(axis=2, keepdims=True)


def _normal(rng: np.random.Generator, information: np.ndarray) -> np.ndarray:
    """Normal draws with mean 0 whose variance is the inverse of an information (m, p, p): (m, p)."""
    lower = np.linalg.cholesky(information)
    z = rng.standard_normal((*lower.shape[:2], 1))
    return np.linalg.solve(lower.transpose(0, 2, 1), z)[:, :, 0]
