#!/bin/sh
# Run the generators, in name order: `generate.sh PYTHON` runs all, `generate.sh PYTHON schema` only tools/generate_schema*.py.
set -eu

python=$1
for generator in tools/generate_"${2:-}"*.py; do
    [ -e "$generator" ] || continue
    echo "$generator"
    "$python" "$generator"
done

# The golden lists (URLs, commands, settings) are written by the tests that hold them.
if [ -z "${2:-}" ]; then
    GOLDEN=write "$python" -m pytest tests/golden
fi
