#!/usr/bin/env bash
# Clients of pgvector against the extension `vector` of pg_hnsw, each with its ordinary flow.
#
#   clients.sh prepare     fetch and build the clients, under target/clients
#   clients.sh run         run them against the server of PGHOST, PGPORT and PGUSER, and count
#
# Versions are pinned in tests/clients. The last line says how many checks passed and failed.
set -euo pipefail
umask 022

root=$(cd "$(dirname "$0")/.." && pwd -P)
source=$root/tests/clients
target=${CARGO_TARGET_DIR:-$root/target}/clients
# Seconds that a client may take.
patience=120

die() {
    echo "clients.sh: $*" >&2
    exit 1
}

# A Python environment with these packages; made anew when they change. Debian's Python has no
# ensurepip, hence the pip of outside.
python_environment() {
    local name=$1 pip=(python3 -m pip) log=$target/python-$1.log directory=$target/python-$1
    if cmp -s "$source/python/$name.txt" "$directory/installed.txt"; then return; fi
    "${pip[@]}" --version >/dev/null 2>&1 || pip=(pip)
    "${pip[@]}" --version >/dev/null 2>&1 || die "pip is needed (python3-pip)"
    rm -rf "$directory"
    python3 -m venv --without-pip "$directory"
    "${pip[@]}" --python "$directory/bin/python" install --no-input --disable-pip-version-check \
        --only-binary=:all: -r "$source/python/$name.txt" >"$log" 2>&1 </dev/null || {
        tail -n 20 "$log" >&2
        die "pip could not install the packages of $name"
    }
    cp "$source/python/$name.txt" "$directory/installed.txt"
}

# Packages of npm; their install scripts do not run.
javascript_environment() {
    local name=$1 directory=$target/$1 log=$target/$1.log
    command -v node >/dev/null && command -v npm >/dev/null || return 0
    mkdir -p "$directory"
    cp "$source/$name"/* "$directory/"
    cp "$source/javascript/common.js" "$directory/"
    if cmp -s "$directory/package-lock.json" "$directory/installed.json"; then return; fi
    (cd "$directory" && npm ci --no-audit --no-fund --ignore-scripts >"$log" 2>&1 </dev/null) || {
        tail -n 20 "$log" >&2
        die "npm could not install the packages of $name"
    }
    cp "$directory/package-lock.json" "$directory/installed.json"
}

# Prisma's client is generated. Its engine for migrations is not in the registry, and not needed:
# Prisma is told that another program is it, and does not fetch it.
prisma_environment() {
    local log=$target/prisma-client.log
    new_enough_for_prisma || return 0
    javascript_environment prisma
    (cd "$target/prisma" && PRISMA_SCHEMA_ENGINE_BINARY=$(type -P true) CHECKPOINT_DISABLE=1 \
        node node_modules/prisma/build/index.js generate >"$log" 2>&1 </dev/null) || {
        tail -n 20 "$log" >&2
        die "Prisma could not generate its client"
    }
}

new_enough_for_prisma() {
    node -e 'const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' 2>/dev/null
}

prepare() {
    mkdir -p "$target"
    echo "Preparing the clients ..."
    # Packages are fetched while the Rust clients are compiled.
    (
        python_environment pgvector
        python_environment langchain
        python_environment llamaindex
        javascript_environment javascript
        prisma_environment
    ) &
    local fetching=$! status=0
    CARGO_TARGET_DIR=$target/rust cargo build -q --locked \
        --manifest-path "$source/rust/Cargo.toml" </dev/null || status=1
    wait "$fetching" || status=1
    [ "$status" -eq 0 ] || die "the clients are not complete"
}

passed=0
failed=0

# Runs a client, and counts the lines of its checks.
client() {
    local good bad status=0 log=$target/client.log
    timeout "$patience" "$@" >"$log" 2>&1 </dev/null || status=$?
    good=$(grep -c '^ok ' "$log") || true
    bad=$(grep -c '^FAILED ' "$log") || true
    if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$good" -eq 0 ]; }; then bad=1; fi
    if [ "$bad" -gt 0 ]; then
        grep -v '^ok ' "$log" || true
        echo "exit status $status: $*"
    fi
    echo "$(basename "${@: -1}"): $good passed, $bad failed"
    passed=$((passed + good))
    failed=$((failed + bad))
}

run() {
    local name
    unset PGDATABASE PGPASSWORD PGSERVICE PGOPTIONS
    export PYTHONDONTWRITEBYTECODE=1 DO_NOT_TRACK=1 LANGSMITH_TRACING=false
    for name in psycopg asyncpg sqlalchemy django peewee; do
        client "$target/python-pgvector/bin/python" "$source/python/with_$name.py"
    done
    client "$target/python-langchain/bin/python" "$source/python/with_langchain.py"
    client "$target/python-llamaindex/bin/python" "$source/python/with_llamaindex.py"
    client "$target/rust/debug/clients"
    if [ -e "$target/javascript/installed.json" ]; then
        for name in pg knex drizzle; do
            client node "$target/javascript/with_$name.js"
        done
    else
        echo "skipped: pg, knex and drizzle-orm, because there is no node"
    fi
    if new_enough_for_prisma; then
        client node "$target/prisma/with_prisma.js"
    else
        echo "skipped: prisma, because there is no node 20.19 or later"
    fi
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

case ${1:-} in
prepare | run) "$1" ;;
*) die "usage: clients.sh prepare | run" ;;
esac
