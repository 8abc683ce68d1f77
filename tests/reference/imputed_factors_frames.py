"""Completed frames for tests/reference/imputed_factors.R: made once by our own imputation of R's pbc with values deleted.

    .venv/bin/python tests/reference/imputed_factors_frames.py

Writes data/imputed_factors_pbc.csv, six completed copies; R pools models of these same copies, so that nothing is left to chance.
"""

from pathlib import Path

import pandas as pd

import haip_outcomes as haip

DATA = Path(__file__).parent / "data"
COLUMNS = ["age", "male", "lbili", "albumin", "stage", "oedema", "spiders"]

if __name__ == "__main__":
    pbc = pd.read_csv(DATA / "imputation_pbc_mar.csv")
    tte = haip.TimeToEvent.from_frame(pbc, time="months", state="state", states=["Transplant", "Death"])
    imputed = haip.impute(pbc, tte=tte, columns=COLUMNS, imputations=6, rounds=10, rng=2026)
    parts = [one.assign(**{".imp": number + 1}) for number, one in enumerate(imputed)]
    whole = pd.concat(parts)[[".imp", "months", "state", *COLUMNS]]
    whole.to_csv(DATA / "imputed_factors_pbc.csv", index=False)
