#!/bin/sh
# Installs what package-lock.json names, when it is newer than what is installed. Prints nothing when there is nothing to do.
set -eu
cd "$(dirname "$0")/.."
stamp=node_modules/.package-lock.json
if [ ! -f "$stamp" ] || [ package-lock.json -nt "$stamp" ]; then
  echo "weichensteller: installing the packages of package-lock.json (npm ci)" >&2
  npm ci --no-fund --no-audit --loglevel=error >&2
  touch "$stamp"
fi
