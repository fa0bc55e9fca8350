"""Operators' words: what they may do on a page, and what they may not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.web.markdown import TAGS, html_of, plain_of

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](https://example.org/x.png)",
    '[x](https://example.org "title\\" onmouseover=alert(1)")',
    "<svg/onload=alert(1)>",
    "`<b>` & <style>*{display:none}</style>",
    "[a]: javascript:alert(1)\n\n[a]",
    "<a href='vbscript:x'>y</a>",
    "\0<iframe>",
)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("We **know** why.", "<p>We <strong>know</strong> why.</p>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("# Cause", "<h4>Cause</h4>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        (
            "[why](https://example.org/a?b=1&c=2)",
            '<p><a href="https://example.org/a?b=1&amp;c=2" rel="nofollow noopener noreferrer">why</a></p>',
        ),
        ("[it](/incidents/4)", '<p><a href="/incidents/4" rel="nofollow noopener noreferrer">it</a></p>'),
    ],
)  # fmt: skip
def test_it_reads_as_written(text, html):
    assert html_of(text) == html


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_runs_and_nothing_is_fetched(text):
    _is_harmless(html_of(text))


@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from([*HOSTILE, "<", ">", "[", "](", "`", "\n", "*"])).map("".join)
)
def test_no_text_gets_more_than_the_subset(text):
    _is_harmless(html_of(text))
    assert "\n" not in plain_of(text)


def _is_harmless(html: str) -> None:
    assert set(re.findall(r"<([a-z0-9]+)", html)) <= TAGS
    for attributes in re.findall(r"<[a-z0-9]+([^>]*)>", html):
        assert re.fullmatch(
            r'( href="(https?:|mailto:|/|#|[^":]*)[^"]*")?( rel="[a-z ]+")?', attributes
        ), attributes


def test_plain_words_for_where_html_is_not():
    assert plain_of("We **know**\n\n- why, `<b>` & all") == "We know why, <b> & all"
