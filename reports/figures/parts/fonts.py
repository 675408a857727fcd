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
BLOCKS = ((0x20, 0x7E), (0xA0, 0xFF), (0x391, 0x3C9), (0x2010, 0x2026), (0x2190, 0x2193), (0x2212,), (0x2264, 0x2265))
"""First and last of the characters that figures are made of. The whole font stands behind for the rest."""


@cache
def plain() -> str:
    """The family of the default font with the characters of BLOCKS, which matplotlib knows while the process lives.

    To put a few glyphs of the whole font into a PDF takes longer than to draw the figure.
    """
    folder = _kept()
    options = subset.Options(layout_features=[], glyph_names=True, name_IDs=["*"], name_languages=["*"])
    options.drop_tables += ["GDEF", "GPOS", "GSUB", "kern", "FFTM"]
    for file in FILES:
        # Without the time of this moment in it, which would stand in every PDF: the same rows make the same bytes.
        font = TTFont(Path(mpl.get_data_path()) / "fonts" / "ttf" / file, recalcTimestamp=False)
        chosen = subset.Subsetter(options)
        chosen.populate(unicodes=[code for ends in BLOCKS for code in range(ends[0], ends[-1] + 1)])
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
