#!/usr/bin/env bash
# Checks that the greeting names whom it greets: greets.sh LANGUAGE NAME
set -euo pipefail

greeting="$(bash "$(dirname "$0")/../src/hello.sh" "$1" "$2")"
echo "$greeting"
[[ "$greeting" == *"$2"* ]] || { echo "the greeting does not name $2" >&2; exit 1; }
