"""How numbers that belong to no metric are written, the same in every table, sentence and figure."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable

ABSENT = "—"
MINUS = "−"  # the typographic minus: a hyphen breaks lines between sign and number


def p_value(p: float, alpha: float) -> str:
    """`0.012`, `< 0.001`, or a dash where there is none; more digits where three would hide its side of alpha."""
    if not math.isfinite(p):
        return ABSENT
    if p < min(0.001, alpha):
        return f"< {min(0.001, alpha):g}"
    texts = [f"{p:.{digits}f}" for digits in range(3, 10)]
    return next((text for text in texts if (float(text) > alpha) == (p > alpha) and float(text) != alpha), texts[0])


def p_statement(p: float, alpha: float) -> str:
    """The same behind the letter p: `= 0.012` or `< 0.001`."""
    text = p_value(p, alpha)
    return text if text.startswith("<") else f"= {text}"


def significant(value: float, digits: int = 3) -> str:
    """`1060`, `0.0213`: so many significant digits, and no power of ten."""
    return f"{float(f'{value:.{digits}g}'):.12g}"


def ratio(value: float) -> str:
    """`40×`, with three significant digits."""
    return ABSENT if not math.isfinite(value) else f"{significant(value)}×"


def count(value: float) -> str:
    """A whole number with a thin space at every third digit."""
    return f"{value:,.0f}".replace(",", "\u202f")


def short(value: float) -> str:
    """A count with three significant digits: `842`, `110 k`, `2.43 M`."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= 0.9995 * size:
            return f"{significant(value / size)}{unit}"
    return f"{value:.0f}"


def fraction(value: float, decimals: int) -> str:
    """A number with its decimals, or a dash where there is none."""
    return ABSENT if math.isnan(value) else f"{value:.{decimals}f}"


def signed(value: float, decimals: int, plus: str = "+") -> str:
    """A number with its sign, `+0.12`; what rounds to zero carries none. A dash where there is none."""
    if not math.isfinite(value):
        return ABSENT
    text = f"{abs(value):.{decimals}f}"
    return text if float(text) == 0 else (plus if value > 0 else MINUS) + text


def spread(mean: float, std: float, decimals: int) -> str:
    """`82.31 ± 0.45`, or the mean alone where one seed leaves no standard deviation."""
    text = fraction(mean, decimals)
    return text if math.isnan(std) else f"{text} ± {fraction(std, decimals)}"


def percent(share: float) -> str:
    """A share as whole percent, through an integer so that a small loss is not printed as -0."""
    return ABSENT if math.isnan(share) else f"{round(100 * share):d} %".replace("-", MINUS)


def share(value: float, low: float, high: float) -> str:
    """`58 % [22, 108]`: whole percent with both ends of an interval, unless these are the share itself."""
    ends = f" [{round(100 * low):d}, {round(100 * high):d}]".replace("-", MINUS) if low < high else ""
    return percent(value) + ends


def duration(seconds: float) -> str:
    """Seconds as `42 s`, `12.3 min` or `4.2 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def listed(words: list[str]) -> str:
    """`a, b and c`; with semicolons where a name holds a comma itself."""
    separator = "; " if any("," in word for word in words) else ", "
    return words[0] if len(words) == 1 else f"{separator.join(words[:-1])} and {words[-1]}"


def printable(text: str) -> str:
    """Text with a space for every control character: neither XML nor a font has a place for them."""
    return "".join(
        character if unicodedata.category(character) != "Cc" or character == "\n" else " " for character in text
    )


def one_line(text: object, longest: int = 200) -> str:
    """Text without line breaks, cut to so many characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= longest else f"{line[: longest - 4]} ..."


def seeds(numbers: Iterable[int]) -> str:
    """`0-9, 12`: seeds in growing order, runs of three and more shortened."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(f"{part[0]}-{part[-1]}" if len(part) > 2 else ", ".join(map(str, part)) for part in parts)
