"""Operators' words as HTML: a safe subset of Markdown, and a second pair of eyes on what comes out.

markdown-it makes no HTML of the author's tags; nh3 then lets only the listed ones through, whatever a
defect of the first may have let in.
"""

from functools import cache, lru_cache
from html import unescape

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

TEXT_LIMIT = 100_000
KEPT = 2_048
"""Texts kept as drawn: an update does not change once it is said."""

TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h4", "h5", "hr", "li", "ol", "p", "pre", "strong", "ul",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
SCHEMES = {"http", "https", "mailto"}


@lru_cache(KEPT)
def html_of(text: str) -> Markup:
    """Return the text as HTML: paragraphs, lists, links, tables, code; no images, no headings of the page's rank."""
    drawn = _parser().render(text[:TEXT_LIMIT])
    return Markup(  # noqa: S704 - cleaned by nh3
        nh3.clean(
            drawn,
            tags=TAGS,
            attributes={"a": {"href"}, "*": set()},
            url_schemes=SCHEMES,
            link_rel="nofollow noopener noreferrer",
        ).strip()
    )


@lru_cache(KEPT)
def plain_of(text: str) -> str:
    """Return the text as one line of plain words, for summaries and calendars; escape it like any text."""
    return " ".join(unescape(nh3.clean(_parser().render(text[:TEXT_LIMIT]), tags=set())).split())


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    parser.enable(["table", "strikethrough"])
    parser.disable(["image", "html_inline", "html_block"])

    # A page has one heading of each rank; an author's stand below all of them.
    def heading(self: object, tokens: list, nth: int, options: object, env: object) -> str:  # type: ignore[type-arg]
        slash = "/" if tokens[nth].nesting < 0 else ""
        return f"<{slash}h{4 if tokens[nth].tag in ('h1', 'h2') else 5}>"

    parser.add_render_rule("heading_open", heading)
    parser.add_render_rule("heading_close", heading)
    return parser
