"""Write the SQL of src/vedette/db/create_*.sql into deploy/createdb.sh, which must do with psql alone."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "deploy" / "createdb.sh"
COPY = re.compile(r"^-- (src/vedette/db/create_\w+\.sql)\n.*?^SQL$", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Replace what follows each line that names a file, up to the end of its here-document."""

    def copy(found: re.Match[str]) -> str:
        text = (ROOT / found[1]).read_text(encoding="utf-8")
        return f"-- {found[1]}\n{text}SQL"

    SCRIPT.write_text(COPY.sub(copy, SCRIPT.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
