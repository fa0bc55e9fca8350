"""Hold the pages and the comments against the house's habits of writing; `make check` runs it.

A page begins with its one title, its links lead somewhere, nothing is called easy. Names of files
and classes do not say Manager or utils, and an exemption from a rule says why.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = {".git", ".tox", ".venv", "node_modules", "dist", "build", "vedette-data"}

FLATTERY = re.compile(
    r"\b(simply|obviously|easily|just works|blazing|seamless\w*|leverag\w+)\b", re.IGNORECASE
)
EMPTY_NAME = re.compile(r"^\s*class \w*(Manager|Helper|Util|Utils|Processor)\b")
EMPTY_FILE = re.compile(r"(^|_)(utils?|helpers?|manager|misc|common)\.py$")
UNDONE = re.compile(r"#.*\b(TODO|FIXME|XXX)\b")
# Two rules' exemptions say their reason by themselves: a command prints, and any value is meant.
EXEMPTION = re.compile(r"#\s*(noqa(?!: (T201|ANN401)\b)|type: ignore)")
REASONED = re.compile(r"#\s*(noqa: [A-Z0-9, ]+|type: ignore\[[\w, -]+\])\s+(-|—|#|\()\s*\S")
BLOCK = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


def files(*suffixes: str) -> Iterator[Path]:
    """Yield the tree's files of these suffixes, in order, leaving out what is not ours."""
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT).parts
        if any(part in OUTSIDE or part.startswith(".venv") for part in inside):
            continue
        if path.suffix in suffixes and path.is_file() and "_pb2" not in path.name:
            yield path


def anchors(text: str) -> set[str]:
    """Return the anchors GitHub gives to the page's headings."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", title.replace("`", "").lower()).strip().replace(" ", "-")
        for title in titles
    } | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


def without_code(text: str) -> str:
    """Return the page with its code blocks blanked, line numbers kept."""
    return re.sub(
        r"^(```|~~~).*?^\1\s*$",
        lambda m: "\n" * m.group().count("\n"),
        text,
        flags=re.MULTILINE | re.DOTALL,
    )


def page_faults(path: Path) -> Iterator[str]:
    """Yield what is wrong with one Markdown page."""
    prose = without_code(path.read_text())
    titles = re.findall(r"^# .+$", prose, re.MULTILINE)
    if len(titles) != 1 or not prose.lstrip().startswith(("# ", "<!--")):
        yield f"begins with one title, not {len(titles)}"
    for number, line in enumerate(prose.splitlines(), 1):
        if word := FLATTERY.search(re.sub(r"`[^`]*`", "", line)):
            yield f"line {number}: {word.group()!r} tells the reader nothing"
        for found in LINK.finditer(line):
            if fault := link_fault(path, found.group(1) or found.group(2)):
                yield f"line {number}: {fault}"


def link_fault(page: Path, link: str) -> str | None:
    """Return why a link leads nowhere; addresses outside the tree are not followed."""
    if re.match(r"[a-z]+:", link):
        return None
    name, _, anchor = link.partition("#")
    goal = (page.parent / name).resolve() if name else page
    if not goal.exists():
        return f"{link} leads nowhere"
    if anchor and goal.suffix == ".md" and anchor not in anchors(goal.read_text()):
        return f"{link}: the page has no such heading"
    return None


def code_faults(path: Path) -> Iterator[str]:
    """Yield what is wrong with the names and the comments of one Python file."""
    if EMPTY_FILE.search(path.name):
        yield "the file's name says nothing of what it holds"
    above = ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if EMPTY_NAME.search(line):
            yield f"line {number}: the class's name says nothing of what it is"
        if UNDONE.search(line):
            yield f"line {number}: a note to oneself; do it or write down why not"
        if EXEMPTION.search(line) and not (REASONED.search(line) or above.startswith("#")):
            yield f"line {number}: an exemption names its rule and its reason: `# noqa: X123 - why`"
        above = line.strip()


def main() -> int:
    """Print every fault with its place; return 1 when there is one."""
    faults = [(page, fault) for page in files(".md") for fault in page_faults(page)]
    for top in ("src", "tools", "bench"):
        faults += [
            (path, fault)
            for path in files(".py")
            if path.is_relative_to(ROOT / top) and path != Path(__file__).resolve()
            for fault in code_faults(path)
        ]
    for path, fault in faults:
        print(f"{path.relative_to(ROOT)}: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
