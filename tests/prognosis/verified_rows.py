"""Rows as results.csv has them, each with its recipe, and what one engine says to them."""

import shutil

import pandas as pd
import pytest

from haip_outcomes.prognosis.verification.asked import tasks_of
from haip_outcomes.prognosis.verification.comparing import compared
from haip_outcomes.prognosis.verification.engine_table import NUMBERS
from haip_outcomes.prognosis.verification.verifying import _told

NEEDS_R = pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no Rscript")


def rows(*frames, setting="unresectable", **about):
    """Rows as results.csv has them: each frame with its recipe."""
    some = [frame.assign(recipe=made, **about) for frame, made in frames]
    frame = pd.concat(some, ignore_index=True).assign(chapter="c", setting=setting, analysis="a", status="done")
    for name in ("quantity", "outcome", "group", "term", "level", "time", *NUMBERS):
        if name not in frame:
            frame[name] = None
    return frame


def told(frame, cohort, *engines):
    """What these engines say, a row a number."""
    tasks, refused = tasks_of(frame, cohort)
    found = compared(frame, tasks, refused, [_told(engine, tasks) for engine in engines])
    return found[found["engine"].isin(engines)]
