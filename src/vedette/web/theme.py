"""How a house dresses its pages: title, logo, colours, links, templates of its own."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vedette.errors import Invalid
from vedette.web.answers import Answer

LEAST_CONTRAST = 4.5
"""Of text against its ground, as WCAG 2 asks for at level AA."""
GROUNDS = {"accent": ("#fcfcfb", "#ffffff"), "accent_dark": ("#101413", "#161b19")}
"""What each colour stands on in the stylesheet: the page's ground, and what is raised above it."""
COLOUR = re.compile(r"#[0-9a-f]{6}")
LOGO_BYTES = 262_144
LOGO_TYPES = {".svg": b"image/svg+xml", ".png": b"image/png", ".webp": b"image/webp"}
YEAR_S = 31_536_000


@dataclass(frozen=True, slots=True)
class FooterLink:
    """A link at the foot of every page."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Theme:
    """The dress of every page of one server.

    accent: the colour of links and buttons, `#rrggbb`; accent_dark: the same on dark ground; "" keeps
    ours. logo: stands beside the title. templates: a folder whose files go before ours of the same
    name. Raises Invalid for a colour that cannot be read, a logo that cannot be served, no folder.
    """

    title: str = "Status"
    logo: Path | None = None
    accent: str = ""
    accent_dark: str = ""
    footer_links: Sequence[FooterLink] = ()
    templates: Path | None = None
    logo_path: str = field(init=False, default="")
    logo_answer: Answer | None = field(init=False, default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in GROUNDS:
            _check_colour(name, getattr(self, name).lower())
        for link in self.footer_links:
            if not link.url.startswith(("https://", "http://", "mailto:", "/")):
                raise Invalid(
                    f"pages.footer_links: {link.url[:80]!a} is no address",
                    hint="begin it with https://, mailto: or /",
                )
        if self.templates is not None and not self.templates.is_dir():
            raise Invalid(f"pages.templates: there is no folder {self.templates}")
        if self.logo is not None:
            body, kind = _logo(self.logo)
            digest = hashlib.sha256(body).hexdigest()[:12]
            cache = b"public, max-age=%d, immutable" % YEAR_S
            path = f"/static/logo-{digest}{self.logo.suffix.lower()}"
            object.__setattr__(self, "logo_path", path)
            object.__setattr__(self, "logo_answer", Answer(body, type=kind, cache=cache))

    @property
    def css(self) -> bytes:
        """What follows our stylesheet; empty where the colours are ours."""
        light = f":root{{--link:{self.accent};--trace:{self.accent}}}" if self.accent else ""
        dark = (
            "@media screen and (prefers-color-scheme:dark)"
            f"{{:root{{--link:{self.accent_dark};--trace:{self.accent_dark}}}}}"
            if self.accent_dark
            else ""
        )
        return (light + dark).encode("ascii")


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours `#rrggbb`, from 1 to 21, as WCAG 2 reckons it."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _check_colour(name: str, colour: str) -> None:
    if not colour:
        return
    if not COLOUR.fullmatch(colour):
        raise Invalid(f"pages.{name}: {colour[:40]!a} is no colour", hint="write it as #14594a")
    least = min(contrast(colour, ground) for ground in GROUNDS[name])
    if least < LEAST_CONTRAST:
        way = "lighter" if name == "accent_dark" else "darker"
        raise Invalid(
            f"pages.{name}: {colour} has a contrast of {least:.2f}, {LEAST_CONTRAST} is needed",
            hint=f"take a {way} one",
        )


def _logo(path: Path) -> tuple[bytes, bytes]:
    kind = LOGO_TYPES.get(path.suffix.lower())
    if kind is None:
        raise Invalid(f"pages.logo: {path} is no picture we serve", hint="an .svg, .png or .webp")
    try:
        with path.open("rb") as file:
            body = file.read(LOGO_BYTES + 1)
    except OSError as error:
        raise Invalid(f"pages.logo: cannot read {path}: {error.strerror}") from None
    if len(body) > LOGO_BYTES:
        raise Invalid(f"pages.logo: {path} is larger than {LOGO_BYTES} bytes")
    return body, kind
