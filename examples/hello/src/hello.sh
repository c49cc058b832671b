#!/usr/bin/env bash
# Greets somebody: hello.sh LANGUAGE NAME
set -euo pipefail

case "$1" in
  en) echo "Hello, $2!" ;;
  de) echo "Hallo, $2!" ;;
  fr) echo "Bonjour, $2 !" ;;
  # LATER: greet in Klingon.
  *)
    echo "hello.sh: nobody has translated the greeting to '$1'" >&2
    exit 3
    ;;
esac
