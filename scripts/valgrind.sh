#!/usr/bin/env bash
# SQL regression tests with every process of the server under valgrind, which knows PostgreSQL's
# memory contexts. Fails when a test does, or when valgrind reports anything.
#
# PG15_CONFIG names an installation of `postgres.sh assert`; `make test-valgrind` sets it. Further
# arguments are for make: REGRESS=hnsw_scan runs one test.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v valgrind >/dev/null || { echo "valgrind.sh: valgrind is needed" >&2; exit 1; }
logs=$(mktemp -d /tmp/pg_hnsw_valgrind.XXXXXX)
trap 'rm -rf "$logs"' EXIT
chmod 777 "$logs"
export PG_HNSW_WRAPPER="valgrind --quiet --trace-children=yes --leak-check=no --track-origins=no \
    --suppressions=$("$PG15_CONFIG" --bindir)/../valgrind.supp --log-file=$logs/%p"
status=0
"${MAKE:-make}" test-sql-15 "$@" || status=1
reports=$(find "$logs" -type f -size +0)
if [ -n "$reports" ]; then
    cat $reports
    echo "valgrind.sh: valgrind reports errors" >&2
    status=1
fi
exit "$status"
