"""What the clients' tests share: rows, the answers to expect, and counting.

Every script makes a database of its own, and prints a line for each check: `ok ...` or `FAILED ...`.
"""

import os
import sys
import traceback

ROWS = {1: [1, 1, 1], 2: [2, 2, 3], 3: [1, 1, 2]}
BITS = {1: "000", 2: "101", 3: "111"}
QUERY = [1, 1, 1]
BIT_QUERY = "101"
# Rows by distance from the query, for each operator.
NEAREST = {"<->": [1, 3, 2], "<#>": [2, 3, 1], "<=>": [1, 2, 3], "<+>": [1, 3, 2]}
NEAREST_BITS = {"<~>": [2, 3, 1], "<%>": [2, 3, 1]}
CLASSES = {"<->": "l2_ops", "<#>": "ip_ops", "<=>": "cosine_ops", "<+>": "l1_ops"}
# Columns of the table and the operator classes that they can be indexed by.
INDEXES = [
    (column, f"{type}_{name}")
    for column, type in (("v", "vector"), ("h", "halfvec"), ("s", "sparsevec"))
    for name in CLASSES.values()
] + [("b", "bit_hamming_ops"), ("b", "bit_jaccard_ops")]
AVERAGE = [4 / 3, 4 / 3, 2]
SUM = [4, 4, 6]

HOST = os.environ["PGHOST"]
PORT = os.environ["PGPORT"]
USER = os.environ["PGUSER"]


def url(scheme, database):
    return f"{scheme}://{USER}@/{database}?host={HOST}&port={PORT}"


class Checks:
    def __init__(self, client):
        self.client = client
        self.failed = 0

    def equal(self, what, found, expected):
        if found == expected:
            print(f"ok {self.client}: {what}")
        else:
            self.failed += 1
            print(f"FAILED {self.client}: {what}: {found!r}, expected {expected!r}")

    def near(self, what, found, expected):
        close = len(found) == len(expected) and all(
            abs(a - b) < 1e-3 for a, b in zip(found, expected)
        )
        self.equal(what, list(expected) if close else list(found), list(expected))

    def run(self, test):
        """Runs a test, and ends the program with its outcome."""
        try:
            test(self)
        except Exception:
            traceback.print_exc()
            self.failed += 1
            print(f"FAILED {self.client}: ended by an exception")
        sys.exit(1 if self.failed else 0)


def create_database(name):
    """A database without the extension: clients create it themselves."""
    import subprocess

    subprocess.run(["psql", "-X", "-q", "-d", "postgres", "-c", f"CREATE DATABASE {name}"], check=True)
    return name
