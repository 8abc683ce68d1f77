"""The seed of everything in a report that is drawn at random: the same report twice has the same numbers."""

SEED = 20260101  # of simulated limits, imputations and resamples
