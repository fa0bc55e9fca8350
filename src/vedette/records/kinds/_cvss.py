"""The base score of a CVSS vector, computed: a label beside a vector is what somebody once typed.

Versions 2.0, 3.0, 3.1 and 4.0, told apart by how the vector begins; of 4.0 a threat metric (`E:`) counts, as its
specification has it. Documents repeat few vectors often, so that computed scores are kept.
"""

from functools import lru_cache

from cvss import CVSS2, CVSS3, CVSS4
from cvss.exceptions import CVSSError

MAX_VECTOR = 400
"""Characters; a 4.0 vector with every metric has some 230."""


@lru_cache(maxsize=20_000)
def score_of(vector: str) -> float | None:
    """Return the base score of a CVSS vector, in [0, 10]; None for what is no vector. Never raises."""
    if not 0 < len(vector) <= MAX_VECTOR:
        return None
    version, text = _parted(vector.strip())
    try:
        return float(version(text).base_score)
    except CVSSError:
        return None


def _parted(vector: str) -> tuple[type[CVSS2 | CVSS3 | CVSS4], str]:
    """Return the version's calculator and the vector as that one wants it."""
    if vector.startswith("CVSS:4"):
        return CVSS4, vector
    if vector.startswith("CVSS:3"):
        return CVSS3, vector
    return CVSS2, vector.removeprefix("CVSS:2.0/").removeprefix("(").removesuffix(")")


def scored(vector: str, score: float | None = None) -> tuple[float | None, str]:
    """Return (score, vector) for a finding: the computed score, else the one given where it can be one."""
    computed = score_of(vector) if vector else None
    if computed is not None:
        return computed, vector.strip()
    given = None if score is None or not 0 < score <= 10 else float(score)
    return given, ""
