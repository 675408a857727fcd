"""Figures inside the page: smaller, and the same picture."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from reports import inlined
from reports.figures import curves
from tests.reports import samples

SVG = "{http://www.w3.org/2000/svg}"


def drawn(tmp_path) -> str:
    runs = samples.frame(samples.cell([0.8, 0.81]), samples.cell([0.8, 0.82], method="x"))
    title = '# 100 % & <b> " \' x="0.123" --> rotate'
    settings = samples.Settings.parse(samples.settings({"kd": "", "x": ""}))
    settings = settings.model_copy(
        update={"methods": {**settings.methods, "x": settings.methods["x"].model_copy(update={"title": title})}}
    )
    found = samples.of_runs(runs, settings)
    found = replace(found, results=replace(found.results, curves=samples.curves(runs)))
    return curves.draw(found, tmp_path)[0].svg


def shape(svg: str) -> list[tuple[str, list[float], str]]:
    """What is seen of an SVG: tags, their coordinates, their text."""
    seen = []
    for each in ElementTree.fromstring(svg).iter():
        if each.tag.startswith(SVG) and each.tag != f"{SVG}metadata":
            values = " ".join(each.get(name, "") for name in ("d", "x", "y"))
            numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", values)]
            seen.append((each.tag, numbers, (each.text or "").strip()))
    return seen


def test_a_figure_keeps_its_shapes_and_its_words(tmp_path):
    svg = drawn(tmp_path)
    address = inlined.data_uri(svg)
    head, _, body = address.partition(",")
    assert head == "data:image/svg+xml"
    assert not re.search(r'["<>#&\n]', body)
    before, after = shape(svg), shape(unquote(body))
    assert [(tag, text) for tag, _, text in before] == [(tag, text) for tag, _, text in after]
    for (_, one, _), (_, other, _) in zip(before, after, strict=True):
        assert other == pytest.approx(one, abs=0.0501)
    assert any('x="0.123"' in text for _, _, text in after)
    assert len(address) < 0.8 * len(svg)


def test_only_lines_go_without_their_letters():
    def path(d: str) -> str:
        return unquote(inlined.data_uri(f'<path id="m1" d="{d}"/>')).partition(",")[2]

    assert path("M 0.12 1.00 L 2.26 -3.04 L 4 5 z") == "<path id='m1' d='M 0.1 1 2.3 -3 4 5 z'/>"
    assert path("M 0.12 1 C 1 1 2 2 3.14 3 L 4.55 4") == "<path id='m1' d='M 0.1 1 C 1 1 2 2 3.1 3 L 4.5 4'/>"
