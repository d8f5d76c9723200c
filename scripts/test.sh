#!/usr/bin/env bash
# Runs every test and counts: one stage after the other, all of them even when one fails.
# The last line says how many tests passed and failed, over all stages.
set -uo pipefail
cd "$(dirname "$0")/.."

read -ra majors <<<"${MAJORS:-15 16 18}"
make=${MAKE:-make}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0
failed=0
broken=()
export CARGO_TERM_COLOR=never

# Adds up the numbers that stand before a word in the drivers' summaries.
summed() {
    grep -E '^ *Summary \[|^test result:' "$log" | grep -oE "[0-9]+ $1" |
        awk '{ total += $1 } END { print total + 0 }'
}

# Passed and failed tests of a stage: from the summaries of nextest or cargo test where there is
# one, otherwise from pg_regress's line for each test.
count() {
    if grep -qE '^ *Summary \[|^test result:' "$log"; then
        echo "$(summed passed) $(summed '(failed|timed out)')"
    else
        echo "$(grep -cE '^test .* \.\.\. ok' "$log") $(grep -cE '^test .* \.\.\. FAILED' "$log")"
    fi
}

stage() {
    local name=$1 good bad status started=$SECONDS
    shift
    printf '\n=== %s\n' "$name"
    "$@" 2>&1 | tee "$log"
    status=$?
    read -r good bad <<<"$(count)"
    # A stage that stands for itself (formatting, a build) is one test.
    if [ "$status" -eq 0 ] && [ $((good + bad)) -eq 0 ]; then good=1; fi
    if [ "$status" -ne 0 ]; then
        if [ "$bad" -eq 0 ]; then bad=1; fi
        broken+=("$name")
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
    printf -- '--- %s: %d passed, %d failed, %d s\n' "$name" "$good" "$bad" $((SECONDS - started))
}

run() {
    stage "$1" "$make" --no-print-directory "$2"
}

run "formatting and lints" lint
run "crates" test-crates
run "fuzzing" fuzz
run "instruction counts" instructions
# All stages of a version together: to go on with another one is to build the library again.
home=${majors[0]}
for major in "${majors[@]:1}" "$home"; do
    if [ "$major" = "$home" ]; then
        run "operations that meet, on PostgreSQL $major" "test-waits-$major"
    fi
    run "build for PostgreSQL $major" "private-$major"
    run "SQL regression on PostgreSQL $major" "test-sql-$major"
    if [ "$major" = "$home" ]; then
        run "isolation on PostgreSQL $major" "test-isolation-$major"
        run "cluster tests on PostgreSQL $major" "test-cluster-$major"
    else
        run "recall, WAL, and pgvector beside it, on PostgreSQL $major" "test-recall-$major"
    fi
done
run "pg_upgrade" test-upgrade

printf '\n'
for name in "${broken[@]}"; do echo "failed: $name"; done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
