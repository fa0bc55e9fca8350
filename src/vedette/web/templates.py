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

HERE = Path(__file__).parent
YEAR_S = 31_536_000

STYLE = (HERE / "static" / "style.css").read_bytes()
STYLE_PATH = f"/static/style-{hashlib.sha256(STYLE).hexdigest()[:12]}.css"
"""The address changes with the content, so browsers may keep it for ever."""


def style() -> Answer:
    """Return the stylesheet."""
    return Answer(
        STYLE,
        type=b"text/css; charset=utf-8",
        cache=b"public, max-age=%d, immutable" % YEAR_S,
    )


def render(template: str, **view: Any) -> bytes:  # noqa: ANN401 - each template has its own view
    """Return the page; what the view lacks is an error, what it holds is escaped."""
    return _template(template).render(view).encode("utf-8", "replace")


LINES_KEPT = 4_096
"""Lines of the status page kept as HTML: a page is rendered anew whenever one of them has changed."""


@lru_cache(maxsize=LINES_KEPT)
def drawn(line: msgspec.Struct) -> Markup:
    """Return one component's line of the status page; equal lines are drawn once."""
    return Markup(_template("line.html").render(line=line).strip())  # noqa: S704 - our own template, escaped there


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {
        "style_path": STYLE_PATH,
        "drawn": drawn,
        "tones": {look.tone: look for look in LOOKS.values()},
    }
    environment.filters["path"] = lambda text: quote(text, safe="")
    return environment
