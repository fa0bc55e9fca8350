#!/bin/sh
# What `make check` holds against the tree: all of it at once, and told in turn as it ends.
set -u

venv=${VENV:-.venv}
bin=$venv/bin
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT INT TERM
begun=""
failed=""

hold() {
    name=$1
    shift
    "$@" >"$said/$name" 2>&1 &
    begun="$begun $name:$!"
}

hold lint "$bin/ruff" check --quiet src tests bench tools
hold format "$bin/ruff" format --check --quiet src tests bench tools
hold types "$bin/mypy" --no-error-summary
hold imports "$bin/lint-imports" --no-logo
hold fresh sh tools/fresh.sh "$bin/python"
hold prose "$bin/python" tools/prose.py
hold musl sh tools/musl_check.sh "$bin/python"

for one in $begun; do
    name=${one%:*}
    printf '%-9s ' "$name"
    if wait "${one#*:}"; then
        echo "holds"
    else
        echo "DOES NOT HOLD"
        cat "$said/$name"
        failed="$failed $name"
    fi
done

if [ -n "$failed" ]; then
    echo "make check:$failed did not hold" >&2
    exit 1
fi
