#!/usr/bin/env bash
# Counts the instructions of the main operations and compares them with the committed counts:
# crates/instructions does the work, and gets the arguments.
#
# Valgrind is installed from Debian's packages where it is missing and may be. Where it cannot be,
# nothing is counted and nothing fails, unless CI is set.
set -euo pipefail
cd "$(dirname "$0")/.."

install_valgrind() {
    command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ] || return 1
    export DEBIAN_FRONTEND=noninteractive
    local install=(apt-get install -y -qq --no-install-recommends valgrind)
    echo "Installing valgrind ..." >&2
    "${install[@]}" </dev/null >&2 || { apt-get update -qq >&2 && "${install[@]}" </dev/null >&2; }
}

if ! command -v valgrind >/dev/null && ! install_valgrind; then
    echo "instructions.sh: valgrind is missing (as root: apt-get install valgrind);" \
        "instructions are not counted" >&2
    [ -z "${CI:-}" ]
    exit
fi
exec cargo run --quiet --release -p instructions -- "$@"
