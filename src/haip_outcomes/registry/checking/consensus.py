"""Flags by the expert consensus statement: nothing is wrong with these cells, and nobody is left out because of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from haip_outcomes.registry.checking.rule import CONSENSUS, Rule
from haip_outcomes.registry.checking.standard_codes import ADJUVANT, NO, UNRESECTABLE

SOURCE = "Karanicolas 2014, doi 10.3747/co.21.1577"
_KEPT = "nothing to do if it is true: the patient stays in"


def consensus_rules() -> Iterator[Rule]:
    """Patients outside what the consensus statement recommends: a warning each, with the source."""
    for setting, name in ((ADJUVANT, "adjuvant"), (UNRESECTABLE, "unresectable")):
        yield Rule(CONSENSUS, "extrahepatic_disease", ("extrahepatic_disease", "setting"),
                   _liver_only(setting), f"no extrahepatic disease in {_an(name)} patient",
                   f"{_KEPT}. Outside a trial the consensus does not recommend a pump with extrahepatic disease ({SOURCE})", "warning", by_item=True, flag=True,
                   why=f"Not recommended outside a trial ({SOURCE}); a flag, no exclusion.")  # fmt: skip
    yield Rule(CONSENSUS, "prior_lines", ("prior_lines", "setting"), lambda f: ~((f["setting"] == UNRESECTABLE) & (f["prior_lines"] == 0)),
               "systemic chemotherapy before the pump in an unresectable patient",
               f"{_KEPT}. Check that 0 does not stand for unknown. The consensus recommends the pump after progression on first-line treatment, and finds it "
               f"acceptable as first line ({SOURCE})", "warning", by_item=True, flag=True,
               why=f"Recommended after progression on first-line treatment, acceptable before ({SOURCE}).")  # fmt: skip
    yield Rule(CONSENSUS, "concurrent_systemic", ("concurrent_systemic", "setting"),
               lambda f: ~(f["setting"].isin((ADJUVANT, UNRESECTABLE)) & (f["concurrent_systemic"] == NO)), "systemic chemotherapy together with the pump",
               f"{_KEPT}. The consensus recommends the pump in combination with systemic chemotherapy ({SOURCE})", "warning", by_item=True, flag=True,
               why=f"Recommended in combination ({SOURCE}); the comparison with series that combined is to be read with it.")  # fmt: skip


def _liver_only(setting: int) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda f: ~((f["setting"] == setting) & (f["extrahepatic_disease"] > 0))


def _an(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
