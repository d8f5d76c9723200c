#!/usr/bin/env python3
"""Checks what the project is made of, without a network once the crates are fetched.

Every crate of every lock file comes from crates.io, with a checksum, and may be used under a
licence that asks for no more than its text beside a copy. Known vulnerabilities are not looked up:
the database of advisories is in a repository of its own (SECURITY.md).
"""

import json
import re
import subprocess
import sys

MANIFESTS = ["Cargo.toml", "fuzz/Cargo.toml", "tests/clients/rust/Cargo.toml"]
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"
ALLOWED = {
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "MIT",
    "NCSA",
    "PostgreSQL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
}


def permitted(expression):
    """Whether an SPDX expression can be met with licences of the list."""
    # An exception only takes back conditions; the slash is the old way to write OR.
    expression = re.sub(r" WITH [\w.-]+", "", expression).replace("/", " OR ")
    terms = re.sub(
        r"[\w.-]+",
        lambda word: word[0].lower() if word[0] in ("OR", "AND") else str(word[0] in ALLOWED),
        expression,
    )
    return eval(terms, {"__builtins__": {}})


def problems(manifest):
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--manifest-path", manifest]
    packages = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    lock = open(manifest.replace("Cargo.toml", "Cargo.lock"), encoding="utf-8").read()
    entries = [dict(re.findall(r'^(\w+) = "(.*)"$', entry, re.M)) for entry in lock.split("[[package]]")]
    for entry in entries:
        if "source" in entry and (entry["source"] != REGISTRY or "checksum" not in entry):
            yield f"{entry['name']} {entry['version']} is not from crates.io: {entry['source']}"
    for package in packages:
        if package["source"] and not permitted(package["license"] or "none"):
            yield f"{package['name']} {package['version']} has the licence {package['license']}"


assert permitted("MIT/Apache-2.0") and permitted("(MIT OR GPL-3.0) AND Unicode-3.0")
assert not permitted("GPL-3.0") and not permitted("MIT AND GPL-3.0-only WITH Classpath-exception-2.0")
found = [f"{manifest}: {problem}" for manifest in MANIFESTS for problem in problems(manifest)]
print("\n".join(found), end="\n" if found else "")
sys.exit(bool(found))
