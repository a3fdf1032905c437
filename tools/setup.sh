#!/bin/sh
# Installs what package-lock.json names, when it is newer than what is installed. Prints nothing when there is nothing to do.
set -eu
cd "$(dirname "$0")/.."
stamp=node_modules/.package-lock.json
if [ -f "$stamp" ] && [ ! package-lock.json -nt "$stamp" ]; then exit 0; fi
if ! command -v npm >/dev/null 2>&1; then
  echo "weichensteller: npm was not found; it brings Bun and the packages of package-lock.json" >&2
  exit 127
fi
echo "weichensteller: installing the packages of package-lock.json (npm ci)" >&2
if ! npm ci --include=dev --no-fund --no-audit --loglevel=error >&2; then
  echo "weichensteller: npm ci failed, see above" >&2
  exit 1
fi
touch "$stamp"
