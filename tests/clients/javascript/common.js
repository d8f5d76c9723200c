// What the clients' tests share: rows, the answers to expect, and counting. As tests/clients/python/common.py.

import { execFileSync } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';

export const ROWS = { 1: [1, 1, 1], 2: [2, 2, 3], 3: [1, 1, 2] };
export const BITS = { 1: '000', 2: '101', 3: '111' };
export const QUERY = [1, 1, 1];
export const BIT_QUERY = '101';
// Rows by distance from the query, for each operator.
export const NEAREST = { '<->': [1, 3, 2], '<#>': [2, 3, 1], '<=>': [1, 2, 3], '<+>': [1, 3, 2] };
export const NEAREST_BITS = { '<~>': [2, 3, 1], '<%>': [2, 3, 1] };
export const CLASSES = { '<->': 'l2_ops', '<#>': 'ip_ops', '<=>': 'cosine_ops', '<+>': 'l1_ops' };
// Columns of the table and the operator classes that they can be indexed by.
export const INDEXES = [['v', 'vector'], ['h', 'halfvec'], ['s', 'sparsevec']]
  .flatMap(([column, type]) => Object.values(CLASSES).map((name) => [column, `${type}_${name}`]))
  .concat([['b', 'bit_hamming_ops'], ['b', 'bit_jaccard_ops']]);
export const AVERAGE = [4 / 3, 4 / 3, 2];
export const SUM = [4, 4, 6];

// A database without the extension: clients create it themselves.
export function createDatabase(name) {
  execFileSync('psql', ['-X', '-q', '-d', 'postgres', '-c', `CREATE DATABASE ${name}`]);
  return { host: process.env.PGHOST, port: Number(process.env.PGPORT), user: process.env.PGUSER, database: name };
}

// Runs a test and ends with its outcome.
export async function run(client, test) {
  let failed = 0;
  const checks = {
    equal(what, found, expected) {
      if (isDeepStrictEqual(found, expected)) {
        console.log(`ok ${client}: ${what}`);
      } else {
        failed += 1;
        console.log(`FAILED ${client}: ${what}: ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
      }
    },
    near(what, found, expected) {
      const close = found.length === expected.length && found.every((x, i) => Math.abs(x - expected[i]) < 1e-3);
      this.equal(what, close ? expected : found, expected);
    },
  };
  try {
    await test(checks);
  } catch (error) {
    console.error(error);
    failed += 1;
    console.log(`FAILED ${client}: ended by an exception`);
  }
  process.exitCode = failed ? 1 : 0;
}
