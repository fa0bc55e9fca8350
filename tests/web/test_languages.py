"""The catalogues of the pages: complete, read as they are written, and every form filled alike."""

import re
import sys
from pathlib import Path

import pytest

from vedette.web.languages import LOCALE, languages, read_catalogue

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
from generate_messages import refreshed, template

HOLE = re.compile(r"%\(\w+\)s|\{\w+\}|</?\w+[^>]*>")
CODES = [path.parent.parent.name for path in LOCALE.glob("*/LC_MESSAGES/vedette.po")]


def test_german_is_shipped():
    assert "de" in CODES


@pytest.mark.parametrize("code", CODES)
def test_a_catalogue_holds_every_message_of_the_pages(code):
    path = LOCALE / code / "LC_MESSAGES" / "vedette.po"
    is_fresh = refreshed(path, template()) == path.read_bytes()  # to show where not takes minutes
    assert is_fresh, "run tools/generate_messages.py"


@pytest.mark.parametrize("code", CODES)
def test_no_message_is_untranslated(code):
    messages = languages()[code].messages
    assert len(messages) > 100
    assert [message for message, forms in messages.items() if not all(forms)] == []


@pytest.mark.parametrize("code", CODES)
def test_a_translation_has_the_holes_and_tags_of_its_message(code):
    for message, forms in languages()[code].messages.items():
        for form in forms[-1:]:
            wanted = set(HOLE.findall(message)) | (
                {"{number}"} if len(forms) > 1 and "%(number)s" not in message else set()
            )
            assert set(HOLE.findall(form)) == wanted, message


@pytest.mark.parametrize(
    "message", ["Mon Tue Wed Thu Fri Sat Sun", "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"]
)
@pytest.mark.parametrize("code", CODES)
def test_lists_of_names_keep_their_length(code, message):
    assert len(languages()[code].gettext(message).split()) == len(message.split())


def test_a_catalogue_is_read_as_gettext_writes_it():
    text = (
        'msgid ""\nmsgstr "Language: xx\\n"\n\n'
        '# a comment\n#: front.py\nmsgid "one"\nmsgid_plural "many"\nmsgstr[0] "eins"\nmsgstr[1] ""\n"vi"\n"ele"\n\n'
        '#, fuzzy\nmsgid "guessed"\nmsgstr "geraten"\n\n'
        'msgid "a \\"quote\\""\nmsgstr "ein „Zitat“"\n'
    )
    assert read_catalogue(text) == {
        "": ("Language: xx\n",),
        "one": ("eins", "viele"),
        'a "quote"': ("ein „Zitat“",),
    }


def test_what_is_no_catalogue_is_refused():
    with pytest.raises((ValueError, SyntaxError)):
        read_catalogue('"begins with nothing"')


def test_a_message_without_translation_is_said_in_english():
    german = languages()["de"]
    assert german.gettext("never heard of") == "never heard of"
    assert german.ngettext("a cow", "{number} cows", 2) == "{number} cows"
    assert german.ngettext("{number} day", "{number} days", 1) == "{number} Tag"
