"""The default font for PDF without its layout tables: taking a TrueType font's few glyphs out then takes a fifth."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import matplotlib as mpl
from fontTools.ttLib import TTFont
from matplotlib import font_manager

FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
LAYOUT = ("GDEF", "GPOS", "GSUB", "kern", "FFTM")
"""Kerning and ligatures: no figure needs them, and to subset them takes longer than to draw the figure."""
NAMES = (1, 4, 6, 16)
"""Records of a font's name table that hold the family's."""
FAMILY = "DejaVu Sans of abkd-bench"


@cache
def plain() -> str:
    """The family of the default font without its layout tables, which matplotlib knows while the process lives."""
    folder = _kept()
    for file in FILES:
        font = TTFont(Path(mpl.get_data_path()) / "fonts" / "ttf" / file)
        for table in LAYOUT:
            if table in font:
                del font[table]
        for record in font["name"].names:
            if record.nameID in NAMES:
                record.string = FAMILY + (" Bold" if "Bold" in file and record.nameID == 4 else "")
        font.save(Path(folder.name) / file)
        font_manager.fontManager.addfont(Path(folder.name) / file)
    return FAMILY


@cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes when the process ends."""
    return tempfile.TemporaryDirectory(prefix="abkd-fonts-")
