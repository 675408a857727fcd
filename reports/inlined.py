"""What the page holds in itself: its style, its script, and the figures as image sources."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from urllib.parse import quote

WEB = Path(__file__).parent / "web"
SCRIPTS = ("dom", "chart", "tables", "filter", "cell", "figures")
"""Files of WEB in the order in which the page runs them."""
UNSEEN = re.compile(r"<metadata>.*?</metadata>|<!DOCTYPE.*?>|<!--.*?-->", re.DOTALL)
TAG = re.compile(r"<[^>]*>")
TURN = re.compile(r' transform="rotate\(-0 [^"]*"')
PLACE = re.compile(r'\b(?:d|x|y|x1|x2|y1|y2)="[^"]*"')
NUMBER = re.compile(r"-?\d+\.\d+")
QUOTED = re.compile(r"""="([^"']*)\"""")


def style() -> str:
    """The page's style sheet."""
    return (WEB / "page.css").read_text(encoding="utf-8")


def script() -> str:
    """The page's script: one function, so that nothing of it is global."""
    parts = [(WEB / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    return "\n".join(['(() => {\n"use strict";', *parts, "})();"])


def digest(text: str) -> str:
    """A script's digest as a content security policy states it: no other script runs."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def data_uri(svg: str) -> str:
    """An SVG as an image source: inside an image its ids and styles cannot clash with another figure's.

    Without what no picture shows, and with tenths of a point: a figure of thirty curves loses two thirds of its size.
    """
    lean = TAG.sub(lambda tag: _lean(tag[0]), UNSEEN.sub("", svg))
    return "data:image/svg+xml," + quote(re.sub("[ \t]*\n[ \t]*", " ", lean), safe=" !$'()*+,-./:;=?@_~")


def _lean(tag: str) -> str:
    """A tag without turns by nothing and without names of groups, and with quotes that an address may hold."""
    if tag.startswith("<g id="):
        tag = re.sub(r' id="[^"]*"', "", tag, count=1)
    return QUOTED.sub(r"='\1'", PLACE.sub(lambda place: _short(place[0]), TURN.sub("", tag)))


def _short(place: str) -> str:
    """Tenths in a path or a coordinate; behind a path's beginning lines need no letter."""
    rounded = NUMBER.sub(lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), place)
    only_lines = place.startswith("d=") and not re.search("[A-KN-Za-y]", place[2:])
    return rounded.replace("L ", "") if only_lines else rounded
