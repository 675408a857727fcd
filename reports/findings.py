"""Everything that a report says, worked out once; tables, sentences, figures and the page only print it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from reports import attempts, cells, comparisons, ranking
from reports.attempts import Attempts
from reports.cells import Column, Panel
from reports.comparisons import Comparison
from reports.metrics import Metric
from reports.ranking import Ranking
from reports.results import Family, Results
from reports.settings import Settings


@dataclass(frozen=True)
class FamilyTable:
    """What a table says of one family, as text; the first column holds the methods' titles.

    Attributes:
        title: names the family.
        rows: one per method, in display order.
    """

    family: Family
    title: str
    headings: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, eq=False)
class Findings:
    """What the tables, the sentences and every figure of a report are made of.

    Attributes:
        attempts: family -> label -> what became of the trainings, in display order, the teacher's among them.
        comparisons: family -> one entry per method, in display order, the teacher left out.
        gains: the same against the floor in place of the reference; what the page's first sentence rests on.
        columns: family -> its column of the main table.
        panels: the main table, one per dataset.
        ranking: the methods across datasets.
    """

    results: Results
    settings: Settings
    attempts: Mapping[Family, Mapping[str, Attempts]]
    comparisons: Mapping[Family, list[Comparison]]
    gains: Mapping[Family, list[Comparison]]
    columns: Mapping[Family, Column]
    panels: list[Panel]
    ranking: Ranking

    @classmethod
    def of(cls, results: Results, settings: Settings) -> Findings:
        """Makes every test that the report prints."""
        settings = settings.with_labels(results.runs["method"])
        families = results.families
        found = {family: attempts.of_family(results, family, settings) for family in families}
        against_floor = settings.model_copy(update={"reference": settings.floor})
        compared, gains = (
            {
                family: comparisons.compare(found[family], results.metric(family.dataset).sign, chosen)
                for family in found
            }
            for chosen in (settings, against_floor)
        )
        columns = {
            family: cells.column(results, family, found[family], compared[family], settings) for family in families
        }
        panels = cells.panels(results, columns, settings)
        return cls(results, settings, found, compared, gains, columns, panels, ranking.rank(results.runs, settings))

    def only(self, families: list[Family]) -> Findings:
        """The same about some of the families: what loops over them sees no other."""
        return replace(self, results=replace(self.results, families=families))

    def metric(self, family: Family) -> Metric:
        """The metric of a family's test scores."""
        return self.results.metric(family.dataset)

    def whole(self, entries: pd.DataFrame, family: Family) -> pd.DataFrame:
        """What a family's methods all of whose trainings gave a score left in a frame.

        The seeds that survived of another are no fair sample.
        """
        own = family.rows(entries)
        return own[own["method"].isin([label for label, each in self.attempts[family].items() if each.complete])]

    def title(self, family: Family) -> str:
        """`ogbn-arxiv: gat-3x250x3h → gcn-2x256, 33×`."""
        dataset = self.settings.dataset_title(family.dataset)
        return f"{dataset}: {family.teacher} → {family.student}, {self.results.size(family)}"
