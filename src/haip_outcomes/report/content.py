"""What a report is made of: chapters of sentences, tables, figures and refusals, and the numbers behind them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pandas as pd

from haip_outcomes.errors import CohortError, HaipError, PlanError
from haip_outcomes.figures.style import Drawing
from haip_outcomes.survival.results import VOCABULARY
from haip_outcomes.tables.disclosure import OPEN, Policy
from haip_outcomes.tables.table import Table

RESULT_COLUMNS = ("chapter", "setting", "analysis", "quantity", *VOCABULARY, "unit", "shown", "method", "status", "reason", "recipe")


@dataclass(frozen=True)
class Heading:
    """A heading inside a chapter: usually the setting whose results follow."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """A sentence or two. `kind` is "text", "note" (smaller) or "key" (not to be missed)."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Refusal:
    """An analysis that could not be done, in its place, with the reason and the advice."""

    analysis: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """A line of the first screen: a published figure that the plan names, this centre's number, the published one, the word."""

    question: str
    here: str
    published: str
    word: str


Block = Heading | Paragraph | Table | Drawing | Refusal


@dataclass
class Chapter:
    """A chapter while it is written. Sections add blocks and record every number that they show.

    In a report for outside (`policy.hides`) only numbers that a section has `cleared` with the policy are recorded.
    """

    key: str
    title: str
    policy: Policy = OPEN
    blocks: list[Block] = field(default_factory=list)
    headlines: list[tuple[str, str, str]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    answer: str = ""
    figures_shown: list[str] = field(default_factory=list)  # published figures that stand beside a result of this chapter
    records: list[pd.DataFrame] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    done: int = 0

    def heading(self, text: str) -> None:
        """Begin a part of the chapter."""
        self.blocks.append(Heading(text))

    def say(self, text: str, kind: str = "text") -> None:
        """Add a paragraph."""
        self.blocks.append(Paragraph(text, kind))

    def show(self, block: Table | Drawing, name: str, setting: str = "", *, recipe: str = "") -> None:
        """Add a table or a figure under the name that its file will have; the numbers under a figure's axis are recorded, with their recipe.

        The name becomes a file's: a column's own name may hold anything, such as "../" or "/".
        """
        name = re.sub(r"[^\w-]+", "_", name)
        self.blocks.append(replace(block, name=name))
        if isinstance(block, Drawing) and block.numbers is not None:
            self.record(block.numbers, setting=setting, analysis=f"figure {name}", quantity="numbers under the axis", cleared=True, recipe=recipe)

    def draw(self, make: Callable[[], Drawing], name: str, setting: str, *, recipe: str = "") -> None:
        """Show a figure; in a report for outside, where it may have nothing left to draw, its line says why."""
        if not self.policy.hides:
            self.show(make(), name, setting, recipe=recipe)
            return
        with self.attempt(f"figure {name.replace('_', ' ')}", setting):
            self.show(make(), name, setting, recipe=recipe)

    def headline(self, group: str, measure: str, value: str) -> None:
        """Add a cell to the first screen's table: a column a setting, a row a measure."""
        self.headlines.append((group, measure, value))

    def record(self, frame: pd.DataFrame, *, setting: str, analysis: str, quantity: str, unit: str = "", method: str = "",
               cleared: bool = False, recipe: str = "") -> None:  # fmt: skip
        """Keep the numbers shown, for results.csv, and the method's sentence, for the chapter on methods.

        `recipe` (or the frame's own column `recipe`, row by row) says how the numbers were made, so that `verify` can compute them again:
        prognosis/verification/recipes.py. A report for outside has none: what it hides can't be verified there.
        """
        method = self.policy.method(method)
        if method and method not in self.methods:
            self.methods.append(method)
        self.done += 1
        if self.policy.hides and not cleared:
            return
        about = {"chapter": self.key, "setting": setting, "analysis": analysis, "quantity": quantity, "unit": unit, "method": method,
                 "status": "done", "reason": ""}  # fmt: skip
        kept = frame[[name for name in frame.columns if name in (*VOCABULARY, "shown")]].dropna(axis="columns", how="all")
        if "quantity" in frame:
            about.pop("quantity")
            kept = kept.assign(quantity=frame["quantity"])
        if not self.policy.hides:
            kept = kept.assign(recipe=frame.get("recipe", recipe or None))
        self.records.append(kept.assign(**about))

    def refuse(self, analysis: str, reason: str, setting: str = "") -> None:
        """Put a line where a result would have stood."""
        self.blocks.append(Refusal(analysis, self.policy.words(reason)))
        self.refuse_quietly(analysis, reason, setting)

    def refuse_quietly(self, analysis: str, reason: str, setting: str = "") -> None:
        """Keep a refusal for results.csv where the page already says it in a table."""
        self.records.append(pd.DataFrame([{"chapter": self.key, "setting": setting, "analysis": analysis, "status": "refused",
                                           "reason": self.policy.words(reason)}]))  # fmt: skip

    @contextmanager
    def attempt(self, analysis: str, setting: str = "") -> Iterator[None]:
        """Try an analysis; where it is refused, its line says why and the rest goes on."""
        try:
            yield
        except (PlanError, CohortError):
            raise
        except HaipError as error:
            self.refuse(analysis, str(error), setting)


def results_of(chapters: list[Chapter]) -> pd.DataFrame:
    """Every number shown in these chapters, in long format."""
    frames = [frame for chapter in chapters for frame in chapter.records]
    rows = [record for frame in frames for record in frame.to_dict("records")]
    outside = any(chapter.policy.hides for chapter in chapters)  # nothing of it can be verified, so it has no recipes
    return pd.DataFrame(rows, columns=[name for name in RESULT_COLUMNS if not (outside and name == "recipe")])
