"""The console script: hand the arguments to the tree, leave with its exit code."""

import os
import sys


def main() -> None:
    """Run `vedette` with the arguments of this process."""
    from vedette.app.old_names import adopt
    from vedette.app.tree import run

    adopt(os.environ)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
