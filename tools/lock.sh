#!/bin/sh
# Resolve pyproject.toml for every platform and Python at once into the lock files; $1 is the Python.
# The developers' and the agent's are held to the versions of the first. No address of a registry stands in any.
set -eu

python=$1
"$python" -m pip --quiet install 'uv>=0.9'
compile() {
    "$python" -m uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links --upgrade --python-version 3.11 "$@"
}
compile pyproject.toml --group build -o requirements.lock
compile pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock
compile packaging/agent/pyproject.toml -c requirements.lock -o packaging/agent/requirements.lock
