"""Badges: a name and a word as a small picture, and the same for shields.io.

An SVG's text is as wide as the reader's font; we measure it as Verdana, which badges are set in, and
tell the browser that width (`textLength`), so that it fits in any font.
"""

import unicodedata

from markupsafe import escape

from vedette.web.feeds.feeds import encode
from vedette.web.feeds.standing import WORDS, Standing
from vedette.web.feeds.texts import fit

UNITS = 2_048
SIZE_PX = 11
PAD_PX = 6
NAME_LIMIT = 60
"""Characters of a name on a badge; the whole name stands in its title."""
DIGIT, WIDE = 1_302, 2_048

_WIDTHS = (
    720, 806, 940, 1676, 1302, 2204, 1488, 550, 930, 930, 1302, 1676, 745, 930, 745, 930,
    1302, 1302, 1302, 1302, 1302, 1302, 1302, 1302, 1302, 1302, 930, 930, 1676, 1676, 1676, 1117,
    2048, 1400, 1404, 1430, 1578, 1295, 1177, 1588, 1539, 862, 931, 1419, 1140, 1726, 1532, 1612,
    1235, 1612, 1424, 1400, 1262, 1499, 1400, 2025, 1403, 1260, 1403, 930, 930, 930, 1676, 1302,
    1302, 1230, 1276, 1067, 1276, 1220, 720, 1276, 1296, 562, 705, 1212, 562, 1992, 1296, 1243,
    1276, 1276, 874, 1067, 807, 1296, 1212, 1676, 1212, 1212, 1076, 1300, 930, 1300, 1676,
)  # fmt: skip
"""Verdana's advance widths from the blank to the tilde, in parts of `UNITS`."""


def width_px(text: str) -> int:
    """Return how wide the text is in Verdana of 11 px."""
    return round(sum(map(_units, text)) * SIZE_PX / UNITS)


def _units(sign: str) -> int:
    place = ord(sign) - 32
    if 0 <= place < len(_WIDTHS):
        return _WIDTHS[place]
    if unicodedata.combining(sign):
        return 0
    plain = unicodedata.normalize("NFD", sign)[0]
    if plain != sign:
        return _units(plain)
    return WIDE if unicodedata.east_asian_width(sign) in "WF" else DIGIT


def badge_svg(name: str, standing: Standing) -> bytes:
    """Return the badge as SVG: no style, no script, nothing from elsewhere."""
    word, colour = WORDS[standing].badge, WORDS[standing].colour
    name = fit(name)
    short = name if len(name) <= NAME_LIMIT else name[: NAME_LIMIT - 1] + "…"
    left, right = width_px(short) + 2 * PAD_PX, width_px(word) + 2 * PAD_PX
    told = escape(f"{name}: {word}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20"'
        f' role="img" aria-label="{told}">'
        f"<title>{told}</title>"
        f'<clipPath id="r"><rect width="{left + right}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)">'
        f'<rect width="{left}" height="20" fill="#3d4650"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/></g>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="{SIZE_PX}">'
        f"{_text(short, PAD_PX)}{_text(word, left + PAD_PX)}</g></svg>"
    ).encode()


def badge_json(name: str, standing: Standing) -> bytes:
    """Return the badge as shields.io asks for it."""
    words = WORDS[standing]
    return encode(
        {
            "schemaVersion": 1,
            "label": name,
            "message": words.badge,
            "color": words.colour.removeprefix("#"),
            "isError": standing >= Standing.MAJOR,
        }
    )


def _text(text: str, x: int) -> str:
    return f'<text x="{x}" y="14" textLength="{width_px(text)}">{escape(text)}</text>'
