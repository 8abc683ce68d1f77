"""How many guesses of a first plan nobody has confirmed yet."""

from __future__ import annotations

from pathlib import Path

MARK = "# CONFIRM:"


def unconfirmed(plan_path: str | Path) -> int:
    """Count the lines of a plan that still hold a guess: `haip-outcomes plan` marks each, and who has read it takes the mark away.

    Parameters
    ----------
    plan_path : a plan.toml.

    Returns
    -------
    int : the number of lines with `# CONFIRM:`; 0 for a plan that was written, or read, by a person.

    >>> unconfirmed("cohorts/demo_centre/plan.toml")
    0
    """
    return sum(MARK in line for line in Path(plan_path).read_text(encoding="utf-8-sig", errors="replace").splitlines())
