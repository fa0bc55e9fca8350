"""A house dresses its pages: what can be worn, and what is refused in a line."""

import pytest
from tests import factories as make
from tests.web.browser import KEY, Browser, authenticate

from vedette.errors import Invalid
from vedette.web.site import site
from vedette.web.templates import dress
from vedette.web.theme import GROUNDS, LEAST_CONTRAST, FooterLink, Theme, contrast

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture
def dressed(lender, clock):
    """`dressed(theme)`: a browser on pages that wear it; the next test wears ours again."""

    def wearing(theme: Theme) -> Browser:
        pages = site(lender, authenticate=authenticate, cookie_key=KEY, theme=theme, clock=clock)
        return Browser(pages.pages)

    yield wearing
    dress(Theme())


async def test_title_logo_colours_and_links_stand_on_every_page(dressed, tmp_path, owner_conn):
    await make.make_component(owner_conn, "Orders", state="up")
    logo = tmp_path / "logo.svg"
    logo.write_bytes(SVG)
    browser = dressed(
        Theme(
            title="Shop <status>",
            logo=logo,
            accent="#7a1fa2",
            accent_dark="#e0b0ff",
            footer_links=[FooterLink("Imprint & more", "https://example.org/imprint")],
        )
    )
    for path in ("/", "/history", "/maintenance", "/preferences"):
        page = await browser.get(path)
        assert "Shop <status>" in page.words, path
        assert ("a", {"href": "https://example.org/imprint", "rel": "noopener"}) in page.tags
        assert "Imprint & more" in page.words
    [picture] = [a["src"] for tag, a in page.tags if tag == "img"]
    served = await browser.get(picture)
    assert (served.body, served.headers["content-type"]) == (SVG, "image/svg+xml")
    assert "default-src 'none'" in served.headers["content-security-policy"]
    [sheet] = [a["href"] for _, a in page.tags if a.get("rel") == "stylesheet"]
    assert "--link:#7a1fa2" in (await browser.get(sheet)).text


async def test_a_template_of_the_house_goes_before_ours(dressed, tmp_path):
    (tmp_path / "history.html").write_text(
        '{% extends "base.html" %}{% block main %}Our own{% endblock %}'
    )
    browser = dressed(Theme(templates=tmp_path))
    assert "Our own" in (await browser.get("/history")).words
    assert (await browser.get("/maintenance")).status == 200


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"accent": "#9ad0c0"}, "contrast of 1.68, 4.5 is needed"),
        ({"accent_dark": "#14594a"}, "4.5 is needed"),
        ({"accent": "green"}, "is no colour"),
        ({"accent": "#14594a;}*{display:none"}, "is no colour"),
        ({"footer_links": [FooterLink("x", "javascript:alert(1)")]}, "is no address"),
    ],
)
def test_what_nobody_could_read_or_should_follow_is_refused(given, said):
    with pytest.raises(Invalid, match=said):
        Theme(**given)


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("logo.gif", b"GIF89a", "no picture we serve"),
        ("none.svg", None, "cannot read"),
        ("huge.png", b"x" * 262_145, "larger than"),
    ],
)
def test_a_logo_that_cannot_be_served_is_refused(tmp_path, name, body, said):
    if body is not None:
        (tmp_path / name).write_bytes(body)
    with pytest.raises(Invalid, match=said):
        Theme(logo=tmp_path / name)


def test_a_folder_of_templates_must_be_there(tmp_path):
    with pytest.raises(Invalid, match="no folder"):
        Theme(templates=tmp_path / "none")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21.0), ("#ffffff", "#ffffff", 1.0), ("#777777", "#ffffff", 4.478)],
)
def test_contrast_is_reckoned_as_wcag_does(one, other, ratio):
    assert contrast(one, other) == pytest.approx(ratio, abs=0.001)
    assert contrast(other, one) == pytest.approx(ratio, abs=0.001)


def test_the_grounds_are_those_of_the_stylesheet():
    from vedette.web.templates import STYLE

    text = STYLE.decode()
    for grounds in GROUNDS.values():
        assert f"--ground: {grounds[0]}" in text
        assert f"--raised: {grounds[1]}" in text
    assert LEAST_CONTRAST == 4.5
