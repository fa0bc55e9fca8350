#!/bin/sh
# Install the agent's distribution as a user would, run it, and print its size without byte code.
# Usage: tools/agent_size.sh [PYTHON]; exits 1 above the limit.
set -eu
limit_mb=75
python=${1:-python3}
root=$(cd "$(dirname "$0")/.." && pwd)
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
"$python" -m venv --without-pip "$room/venv"
site=$("$room/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
"$python" -m pip --python "$room/venv/bin/python" install -q --no-compile "$root/packaging/agent"
PYTHONDONTWRITEBYTECODE=1 "$room/venv/bin/vedette-agent" --version >/dev/null
PYTHONDONTWRITEBYTECODE=1 "$room/venv/bin/python" -c '
import vedette.agent.__main__, vedette.agent.enrol, vedette.link.join
from vedette import plugins
for name in plugins.names("vedette.connectors"):
    plugins.load("vedette.connectors", name)
import sys
assert not {"numpy", "litestar", "psycopg_pool", "alembic"} & set(sys.modules)
'
find "$room/venv" -name __pycache__ -prune -exec rm -rf {} +
size_mb=$(du -sm --apparent-size "$site" | cut -f1)
du -sk --apparent-size "$site"/* | sort -rn | head -12
echo "vedette-agent installed: $size_mb MB (limit $limit_mb MB)"
[ "$size_mb" -le "$limit_mb" ]
