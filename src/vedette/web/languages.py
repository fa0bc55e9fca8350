"""The languages of the pages: catalogues of gettext, read as they are written.

A catalogue is `locale/CODE/LC_MESSAGES/vedette.po`. It is read when the program starts, so there is no
compiled file that could be forgotten; English is what stands in templates and code.
"""

import ast
import gettext
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

LOCALE = Path(__file__).with_name("locale")
ENGLISH = "en"
RANGES_READ = 20
"""So many ranges of an `Accept-Language` are looked at."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its messages and its rule of plurals. name: what its speakers call it."""

    code: str
    name: str
    messages: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    plural: Callable[[int], int] = field(default=lambda number: int(number != 1), repr=False)

    def gettext(self, message: str) -> str:
        """Return the message in this language; as it is where there is no translation."""
        found = self.messages.get(message)
        return found[0] if found and found[0] else message

    def ngettext(self, one: str, many: str, number: int) -> str:
        """Return the message that fits the number."""
        found = self.messages.get(one)
        nth = self.plural(number)
        if found and nth < len(found) and found[nth]:
            return found[nth]
        return one if number == 1 else many


def read_catalogue(text: str) -> dict[str, tuple[str, ...]]:
    """Return the messages of a .po file: what is translated → its forms; raises ValueError.

    The header is the message "". Fuzzy entries count as missing.
    """
    messages: dict[str, tuple[str, ...]] = {}
    for entry in text.split("\n\n"):
        lines = [line for line in entry.splitlines() if line.strip()]
        if any(line.startswith("#,") and "fuzzy" in line for line in lines):
            continue
        parts = _parts([line for line in lines if not line.startswith("#")])
        if "msgid" in parts:
            messages[parts["msgid"]] = tuple(
                said for word, said in parts.items() if word.startswith("msgstr")
            )
    return messages


def _parts(lines: list[str]) -> dict[str, str]:
    parts: dict[str, str] = {}
    word = ""
    for line in lines:
        quoted = line
        if not line.startswith('"'):
            word, _, quoted = line.partition(" ")
            parts[word] = ""
        said = ast.literal_eval(quoted.strip())
        if not isinstance(said, str) or not word:
            raise ValueError(f"no line of a catalogue: {line[:60]!a}")
        parts[word] += said
    return parts


@cache
def languages() -> Mapping[str, Language]:
    """Return every language shipped by its code, English first."""
    found = {ENGLISH: Language(ENGLISH, "English")}
    for path in sorted(LOCALE.glob("*/LC_MESSAGES/vedette.po")):
        code = path.parent.parent.name
        messages = read_catalogue(path.read_text(encoding="utf-8"))
        header = dict(line.partition(": ")[::2] for line in messages.pop("", ("",))[0].splitlines())
        rule = header.get("Plural-Forms", "").partition("plural=")[2].rstrip(";")
        found[code] = Language(
            code, header.get("Language-Team", code), messages, gettext.c2py(rule or "n != 1")
        )
    return found


def accepted(header: str) -> str:
    """Return the code of the language an `Accept-Language` likes best of ours; English if none."""
    best, liking = ENGLISH, 0.0
    for part in header.split(",")[:RANGES_READ]:
        tag, _, quality = part.strip().partition(";")
        code = tag.strip().partition("-")[0].lower()
        weight = _weight(quality)
        if code in languages() and weight > liking:
            best, liking = code, weight
    return best


def _weight(quality: str) -> float:
    """Return how much a range is liked, 0 to 1; what cannot be read counts nothing."""
    word, _, number = quality.strip().partition("=")
    if not word:
        return 1.0
    try:
        weight = float(number) if word.strip() == "q" else 0.0
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
