#!/usr/bin/env bash
# The extension under pgvector's name, made of the files of sql/.
#
#   alias.sh install DIRECTORY [yes|no|force]   write vector.control and its scripts there
#   alias.sh uninstall DIRECTORY                remove those that `install` wrote
#
# pgvector's own files are left alone, and `yes` writes nothing where they are; `force` replaces
# pgvector's control file and its script of version 0.8.6.
#
# Versions: 0.8.0 to 0.8.6 of pgvector have the same catalogue, and so has the alias. A database
# goes from pgvector to pg_hnsw through the version `pg_hnsw`, and back through `pgvector`: each
# links the functions to the other library and rebuilds the indexes. Back, the next version is
# 0.8.0, from where pgvector's own scripts go on.
set -euo pipefail
umask 022

root=$(cd "$(dirname "$0")/.." && pwd -P)
version=0.8.6
# Stands in every file that is ours.
mark='of pg_hnsw under the name vector'

die() {
    echo "alias.sh: $*" >&2
    exit 1
}

# Writes standard input to a file of this name, at once.
write() {
    { echo "$comment File $mark." && cat; } >"$directory/$1.new"
    mv -f "$directory/$1.new" "$directory/$1"
}

is_ours() { head -n 1 "$1" | grep -qF "$mark"; }

# What pgvector does not have, which is the end of the script.
beyond() { sed -n '/^-- Beyond pgvector$/,$p' "$root"/sql/pg_hnsw--0.1.0.sql; }

theirs() {
    local file
    for file in "$directory"/vector.control "$directory"/vector--*.sql; do
        if [ -e "$file" ] && ! is_ours "$file"; then
            echo "$file"
            return
        fi
    done
}

# Statements that link the functions to pg_hnsw as the script that creates them does. They name
# the library: the control file beside them may be pgvector's.
links() {
    cat "$root"/sql/pg_hnsw--0.1.0.sql "$root"/sql/ivfflat.sql |
        sed -n '/^CREATE FUNCTION/,/;$/ { s/^CREATE FUNCTION/CREATE OR REPLACE FUNCTION/; p; }' |
        sed -e '/FUNCTION pg_hnsw_alone/,/;$/d' -e "s|'MODULE_PATHNAME'|'\$libdir/pg_hnsw'|"
}

install() {
    local older file
    file=$(theirs)
    if [ "$choice" = no ]; then
        return
    elif [ "$choice" = yes ] && [ -n "$file" ]; then
        echo "pgvector is installed here ($file): CREATE EXTENSION vector stays pgvector's." \
            "make install VECTOR_ALIAS=force makes it pg_hnsw's."
        return
    fi
    comment='#'
    write vector.control <<CONTROL
comment = 'vector data types and the hnsw and ivfflat access methods (pg_hnsw)'
default_version = '$version'
module_pathname = '\$libdir/pg_hnsw'
relocatable = true
CONTROL
    comment=--
    sed -e 's/"CREATE EXTENSION pg_hnsw"/"CREATE EXTENSION vector"/' -e '/^-- Beyond pgvector$/,$d' \
        "$root"/sql/pg_hnsw--0.1.0.sql | cat - "$root"/sql/ivfflat.sql <(beyond) | write "vector--$version.sql"
    for older in 0.8.{0..6}; do
        { links && beyond && cat "$root"/sql/reindex.sql; } | write "vector--$older--pg_hnsw.sql"
    done
    write "vector--pg_hnsw--$version.sql" <<<''
    write vector--pgvector--0.8.0.sql <<<''
    cat "$root"/sql/to_pgvector.sql "$root"/sql/reindex.sql | write "vector--$version--pgvector.sql"
}

uninstall() {
    local file
    for file in "$directory"/vector.control "$directory"/vector--*.sql; do
        if [ -e "$file" ] && is_ours "$file"; then rm -f "$file"; fi
    done
}

directory=${2:-}
choice=${3:-yes}
[ -n "$directory" ] || die "usage: alias.sh install DIRECTORY [yes|no|force] | uninstall DIRECTORY"
case $choice in
yes | no | force) ;;
*) die "VECTOR_ALIAS is yes, no or force, not $choice" ;;
esac
case $1 in
install | uninstall) "$1" ;;
*) die "no such command: $1" ;;
esac
