#!/bin/sh
# Generate everything that is generated in a copy of the tree and compare; $1 is the Python.
set -eu

case $1 in /*) python=$1 ;; *) python=$PWD/$1 ;; esac
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT INT TERM

tar -cf - --exclude=.git --exclude=.venv --exclude='.venv-*' --exclude=__pycache__ --exclude='.*_cache' \
    --exclude=vedette-data . | tar -xf - -C "$copy"
# The copy's code comes first on the path, so that a generator reads and writes nothing of this tree.
(cd "$copy" && PYTHONPATH=$copy/src sh tools/generate.sh "$python" >/dev/null && sh tools/proto.sh "$python")

stale=0
for generated in deploy docs src/vedette tests/golden; do
    [ -e "$generated" ] || continue
    diff -rq --exclude=__pycache__ "$generated" "$copy/$generated" || stale=1
done
[ "$stale" -eq 0 ] || {
    echo "generated files are stale: run \`make proto schema docs\` and commit what changed"
    exit 1
}
