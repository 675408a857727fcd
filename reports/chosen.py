"""What a configuration's `report` section chooses: what a paper's table shows, what counts as equal, how figures look.

None of it changes a training, a test or a family of tests.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

PALETTE = ["#d55e00", "#459984", "#732e17", "#8f7cff", "#5b1a6e", "#1f4f4f", "#b0508a", "#a88b00"]
"""Text in them reads on white (contrast above 3). The first five are far apart for colour-blind eyes, too; the others
differ in marker and line. Black and blue are kept."""


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Select(_Strict):
    """What stands in a paper's table, in this order; nothing for all."""

    methods: list[str] = Field([], description="labels of the rows, in this order; all by default")
    ratios: list[float] = Field([], description="compression ratios, in this order; all by default")
    datasets: list[str] = Field([], description="datasets as the tables name them, in this order; all by default")

    @field_validator("methods", "ratios", "datasets")
    @classmethod
    def _distinct(cls, values: list[str] | list[float]) -> list[str] | list[float]:
        if len(set(values)) < len(values):
            raise ValueError(f"names {next(value for value in values if values.count(value) > 1)} twice")  # type: ignore[arg-type]
        return values


class FigureStyle(_Strict):
    """How every figure looks."""

    width: float = Field(6.4, ge=3, le=20, description="inches of a figure on a text column")
    font: str = Field(
        "DejaVu Sans",
        min_length=1,
        description="family of the text; the default comes with matplotlib, another one must be installed",
    )
    font_size: float = Field(8.5, ge=4, le=20, description="points of the text")
    palette: list[str] = Field(
        PALETTE, min_length=1, description="colours of the methods as `#rrggbb`; the floor is black, the reference blue"
    )

    @field_validator("palette")
    @classmethod
    def _colours(cls, palette: list[str]) -> list[str]:
        for colour in palette:
            if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
                raise ValueError(f"{colour!r} is no colour; allowed: #rrggbb")
        return palette


class Report(_Strict):
    """The `report` section."""

    select: Select = Field(Select(), description="what stands in the tables `paper`; no family of tests changes by it")
    titles: dict[str, Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\n]+$")]] = Field(
        {}, description="names in tables, figures and the page of methods (by label) and datasets (as tables name them)"
    )
    columns: Literal["one", "two"] = Field("two", description="columns of a paper's page that its tables span")
    equivalence: float = Field(
        0.01,
        ge=0,
        description="half-width of the region in which two scores count as equal (Bayesian signed-rank), as stored: "
        "0.01 is one point of percent",
    )
    figures: FigureStyle = Field(FigureStyle(), description="how figures look")
