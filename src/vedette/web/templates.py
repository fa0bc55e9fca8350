"""Templates and the stylesheet: loaded once; a page is a template and its frozen view."""

import hashlib
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from vedette.web.answers import Answer
from vedette.web.looks import LOOKS
from vedette.web.reader import gettext, ngettext, reading
from vedette.web.theirs import theirs
from vedette.web.theme import Theme

HERE = Path(__file__).parent
YEAR_S = 31_536_000

STYLE = (HERE / "static" / "style.css").read_bytes()

_worn = Theme()


def dress(theme: Theme) -> None:
    """Dress every page of this process from now on; what was drawn before is drawn anew."""
    global _worn  # noqa: PLW0603 - one process serves one house
    if theme != _worn:
        _worn = theme
        _environment.cache_clear()
        _template.cache_clear()
        _drawn.cache_clear()


def static_files() -> dict[str, Answer]:
    """Return the stylesheet and the logo by their paths.

    A path changes with the content, so browsers may keep it for ever.
    """
    sheet = STYLE + _worn.css
    files = {
        style_path(): Answer(
            sheet,
            type=b"text/css; charset=utf-8",
            cache=b"public, max-age=%d, immutable" % YEAR_S,
        )
    }
    if _worn.logo_answer is not None:
        files[_worn.logo_path] = _worn.logo_answer
    return files


def style_path() -> str:
    """Return where the stylesheet is."""
    return f"/static/style-{hashlib.sha256(STYLE + _worn.css).hexdigest()[:12]}.css"


def render(template: str, **view: Any) -> bytes:  # noqa: ANN401 - each template has its own view
    """Return the page; what the view lacks is an error, what it holds is escaped."""
    return _template(template).render(view).encode("utf-8", "replace")


LINES_KEPT = 4_096
"""Lines of the status page kept as HTML: a page is rendered anew whenever one of them has changed."""


def drawn(line: msgspec.Struct) -> Markup:
    """Return one component's line of the status page; equal lines are drawn once in each language."""
    return _drawn(line, reading().language)


@lru_cache(maxsize=LINES_KEPT)
def _drawn(line: msgspec.Struct, language: str) -> Markup:
    return Markup(_template("line.html").render(line=line).strip())  # noqa: S704 - our own template, escaped there


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    environment = Environment(
        # A house's own templates go before ours of the same name.
        loader=FileSystemLoader(
            [*([_worn.templates] if _worn.templates else []), HERE / "templates"]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    # newstyle: what fills a message is escaped.
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, ngettext, newstyle=True
    )
    environment.globals |= {
        "reading": reading,
        "style_path": style_path(),
        "house": _worn,
        "drawn": drawn,
        "tones": {look.tone: look for look in LOOKS.values()},
    }
    environment.filters["path"] = lambda text: quote(text, safe="")
    environment.filters["theirs"] = theirs
    return environment
