"""Bring the catalogues of the pages' languages up to date: new messages are added, gone ones dropped.

What is new stands untranslated until somebody translates it; a test tells. Nothing is guessed (fuzzy).
"""

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

WEB = Path(__file__).parents[1] / "src" / "vedette" / "web"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
OPTIONS = {"templates/**.html": {"trimmed": "true", "newstyle_gettext": "true"}}
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "_": None,
    "gettext": None,
    "N_": None,
    "ngettext": (1, 2),
}


NOISE = tuple(
    f'"{name}'.encode()
    for name in ("Report-", "POT-", "PO-Revision", "Last-Translator", "Generated-By")
)
"""What the header would say of the day and the program that wrote it."""


def template() -> Catalog:
    """Return every message of the pages."""
    catalogue = Catalog(charset="utf-8")
    found = extract_from_dir(
        WEB, method_map=METHODS, options_map=OPTIONS, keywords=KEYWORDS, comment_tags=()
    )
    for path, _, message, _, context in sorted(found, key=lambda each: (each[0], each[1])):
        catalogue.add(message, None, [(path, None)], context=context)
    return catalogue


def refreshed(path: Path, messages: Catalog) -> bytes:
    """Return the catalogue of that file with these messages."""
    with path.open("rb") as file:
        catalogue = read_po(file)
    catalogue.update(messages, no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    written = BytesIO()
    write_po(written, catalogue, width=100, sort_by_file=True)
    lines = written.getvalue().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(NOISE))


def main() -> None:
    """Write every catalogue anew."""
    messages = template()
    for path in sorted((WEB / "locale").glob("*/LC_MESSAGES/*.po")):
        path.write_bytes(refreshed(path, messages))


if __name__ == "__main__":
    main()
