#!/bin/sh
# What `make check` holds against the tree; runs all of it and names at the end what did not hold.
set -u

venv=${VENV:-.venv}
bin=$venv/bin
failed=""

holds() {
    name=$1
    shift
    printf '%-9s ' "$name"
    if said=$("$@" 2>&1); then
        echo "holds"
    else
        printf 'DOES NOT HOLD\n%s\n' "$said"
        failed="$failed $name"
    fi
}

holds lint "$bin/ruff" check --quiet src tests bench tools
holds format "$bin/ruff" format --check --quiet src tests bench tools
holds types "$bin/mypy" --no-error-summary
holds imports "$bin/lint-imports" --no-logo
holds fresh sh tools/fresh.sh "$bin/python"
holds prose "$bin/python" tools/prose.py
holds musl sh tools/musl_check.sh "$bin/python"

if [ -n "$failed" ]; then
    echo "make check:$failed did not hold" >&2
    exit 1
fi
