"""`epss`: FIRST's daily scores, how probable it is that a CVE is exploited within thirty days.

The file `epss_scores-YYYY-MM-DD.csv`, packed or not. Its first line says the model and the day; files of before
February 2022, and what people cut out of them, begin with the heading: then the day is the one it came on.
"""

import re
from collections.abc import Iterator
from datetime import date

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.model import Probabilities, Record

HEADING = "cve,epss,percentile"
_COMMENT = re.compile(
    r"#model_version:([\w.+-]{1,100}),score_date:(\d{4}-\d\d-\d\d)(?:T[\d:.+-]+Z?)?\n", re.ASCII
)
_SHARE = r"(?:0(?:\.\d{1,30})?|1(?:\.0{1,30})?|\d(?:\.\d{1,30})?[eE]-\d{1,3})"
_LINES = re.compile(rf"(?:CVE-\d{{4}}-\d{{4,19}},{_SHARE},{_SHARE}\n)*+", re.ASCII)
"""As many lines of scores as are right: one look at the whole text, which has some 320,000."""


class Epss:
    """Scores of the Exploit Prediction Scoring System."""

    name = "epss"
    description = "EPSS: how probable it is that each CVE is exploited (FIRST's daily CSV)"
    family = Family.KNOWLEDGE

    def recognises(self, document: Document) -> bool:
        """Say whether it is a text that begins as the daily file does."""
        return isinstance(document.value, str) and document.value.startswith(
            ("#model_version:", HEADING)
        )

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield the scores of the day."""
        if not isinstance(document.value, str):
            raise document.refusal("it is no CSV", hint="FIRST's epss_scores-….csv.gz is one")
        text = document.value.replace("\r\n", "\n").rstrip("\n") + "\n"
        model_version, scored_on, start = _heading(document, text, context)
        cves, scores, percentiles = _columns(document, text, start)
        yield Probabilities(model_version, scored_on, cves, scores, percentiles)


def _heading(document: Document, text: str, context: Context) -> tuple[str, str, int]:
    """Return (model version, day, where the scores begin)."""
    model_version, scored_on, start = "", context.now.date().isoformat(), 0
    if text.startswith("#"):
        comment = _COMMENT.match(text)
        if not comment or not _is_day(comment[2]):
            raise document.refusal("line 1 is not `#model_version:…,score_date:…`")
        (model_version, scored_on), start = comment.groups(), comment.end()
    if not text.startswith(HEADING + "\n", start):
        raise document.refusal(f"line {text.count(chr(10), 0, start) + 1} is not `{HEADING}`")
    return model_version, scored_on, start + len(HEADING) + 1


def _columns(
    document: Document, text: str, start: int
) -> tuple[tuple[str, ...], tuple[float, ...], tuple[float, ...]]:
    """Return (CVEs, scores, percentiles); raise Invalid naming the first line that is not right."""
    if start == len(text):
        raise document.refusal("it lists no scores", hint="was it cut off?")
    right = _LINES.match(text, start)
    end = right.end() if right else start
    if end < len(text):
        line = text[end : text.index("\n", end)]
        raise document.refusal(
            f"line {text.count(chr(10), 0, end) + 1} is not CVE,score,percentile: {line[:80]!r}"
        )
    fields = text[start:-1].replace("\n", ",").split(",")
    cves = tuple(fields[0::3])
    if len(set(cves)) < len(cves):
        raise document.refusal(f"{_first_twice(cves)} stands twice")
    return cves, tuple(map(float, fields[1::3])), tuple(map(float, fields[2::3]))


def _first_twice(cves: tuple[str, ...]) -> str:
    seen: set[str] = set()
    for cve in cves:
        if cve in seen:
            return cve
        seen.add(cve)
    return ""


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
