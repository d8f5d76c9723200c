#!/usr/bin/env bash
# Fuzzes each target of fuzz/ for some seconds, or those that are named.
#
#   fuzz.sh SECONDS [TARGET ...]
#
# The compiler of the project and libFuzzer (from the crate libfuzzer-sys) are all it takes: the
# instrumentation is a pass of LLVM's that stable Rust can run. There is no address sanitizer, which
# would need a nightly compiler; the code under test is safe Rust but for the SIMD kernels. What is
# found beyond fuzz/corpus stays under target/fuzz, and so do inputs that fail; with one of these as
# FUZZ_INPUT, the named target runs just that.
#
# A C++ compiler is installed from Debian's packages where it is missing and may be. Where it cannot
# be, nothing is fuzzed and nothing fails, unless CI is set.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
# The longest input in bytes; a page has 8,168, the largest value 64,004.
longest=10000

install_compiler() {
    command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ] || return 1
    export DEBIAN_FRONTEND=noninteractive
    local install=(apt-get install -y -qq --no-install-recommends g++)
    echo "Installing g++ ..." >&2
    "${install[@]}" </dev/null >&2 || { apt-get update -qq >&2 && "${install[@]}" </dev/null >&2; }
}

build() {
    local coverage=-Cllvm-args=-sanitizer-coverage
    RUSTFLAGS="-Cpasses=sancov-module $coverage-level=4 $coverage-inline-8bit-counters \
        $coverage-pc-table $coverage-trace-compares" CARGO_TARGET_DIR=$target \
        cargo build -q --locked --release --target "$host" --manifest-path fuzz/Cargo.toml
}

# Prints what libFuzzer says at the end, or all of it if the target fails.
fuzz() {
    local name=$1 work=$target/corpus/$1 log=$target/$1.log inputs=()
    mkdir -p "$work" "$target/failed" "fuzz/corpus/$name"
    inputs=("$work" "fuzz/corpus/$name" "-max_total_time=$seconds" "-max_len=$longest")
    if [ -n "${FUZZ_INPUT:-}" ]; then inputs=("$FUZZ_INPUT"); fi
    if ! "$target/$host/release/$name" "${inputs[@]}" -timeout=300 -rss_limit_mb=2048 \
        -artifact_prefix="$target/failed/$name-" -print_final_stats=1 >"$log" 2>&1 </dev/null; then
        tail -n 60 "$log"
        echo "test $name ... FAILED"
        return 1
    fi
    echo "test $name ... ok ($(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executed)"
}

seconds=${1:?seconds for each target}
shift
if ! command -v c++ >/dev/null && ! install_compiler; then
    echo "fuzz.sh: a C++ compiler is missing (as root: apt-get install g++); nothing is fuzzed" >&2
    [ -z "${CI:-}" ]
    exit
fi
build
[ $# -gt 0 ] || set -- $(sed -n 's/^path = "targets\/\(.*\)\.rs"/\1/p' fuzz/Cargo.toml)
# As many at a time as there are processors.
status=0
running=0
for name in "$@"; do
    if [ "$running" -eq "$(nproc)" ]; then
        wait -n || status=1
        running=$((running - 1))
    fi
    fuzz "$name" &
    running=$((running + 1))
done
for ((; running > 0; running--)); do
    wait -n || status=1
done
exit "$status"
