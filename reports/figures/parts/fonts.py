"""The default font for PDF, cut to the characters of figures: to embed a few of its glyphs then takes no time."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import matplotlib as mpl
from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib import font_manager

FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
NAMES = (1, 4, 6, 16)
"""Records of a font's name table that hold the family's."""
FAMILY = "DejaVu Sans of abkd-bench"
BLOCKS = ((0x20, 0x17F), (0x370, 0x3FF), (0x2010, 0x205F), (0x2070, 0x209F), (0x2190, 0x22FF), (0x25A0, 0x25FF))
"""Latin, Greek, punctuation, superscripts, arrows, operators, shapes. The whole font stands behind for the rest."""


@cache
def plain() -> str:
    """The family of the default font with the characters of BLOCKS, which matplotlib knows while the process lives.

    To put a few glyphs of the whole font into a PDF takes longer than to draw the figure.
    """
    folder = _kept()
    options = subset.Options(layout_features=[], glyph_names=True, name_IDs=["*"], name_languages=["*"])
    options.drop_tables += ["GDEF", "GPOS", "GSUB", "kern", "FFTM"]
    for file in FILES:
        font = TTFont(Path(mpl.get_data_path()) / "fonts" / "ttf" / file)
        chosen = subset.Subsetter(options)
        chosen.populate(unicodes=[code for first, last in BLOCKS for code in range(first, last + 1)])
        chosen.subset(font)
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
