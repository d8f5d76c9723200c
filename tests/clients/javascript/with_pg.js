import pg from 'pg';
import { SparseVector } from 'pgvector';
import pgvector from 'pgvector/pg';
import * as common from './common.js';

await common.run('pg', async (checks) => {
  const client = new pg.Client(common.createDatabase('js_pg'));
  await client.connect();
  await client.query('CREATE EXTENSION IF NOT EXISTS vector');
  await pgvector.registerTypes(client);
  await client.query('CREATE TABLE items (id int, v vector(3), h halfvec(3), s sparsevec(3), b bit(3))');
  for (const [column, name] of common.INDEXES) {
    await client.query(`CREATE INDEX ON items USING hnsw (${column} ${name})`);
  }
  for (const [id, row] of Object.entries(common.ROWS)) {
    const vector = pgvector.toSql(row);
    const sparse = pgvector.toSql(new SparseVector(row));
    await client.query('INSERT INTO items VALUES ($1, $2, $3, $4, $5)', [id, vector, vector, sparse, common.BITS[id]]);
  }
  await client.query('SET enable_seqscan = off');
  const { rows } = await client.query('SELECT * FROM items ORDER BY id');
  const expected = Object.entries(common.ROWS).map(([id, row]) => ({
    id: Number(id), v: row, h: row, s: row, b: common.BITS[id],
  }));
  checks.equal('reads', rows.map((row) => ({ ...row, s: row.s.toArray() })), expected);
  for (const column of ['v', 'h', 's']) {
    const query = pgvector.toSql(column === 's' ? new SparseVector(common.QUERY) : common.QUERY);
    for (const [operator, nearest] of Object.entries(common.NEAREST)) {
      const found = await client.query(`SELECT id FROM items ORDER BY ${column} ${operator} $1 LIMIT 3`, [query]);
      checks.equal(`${column} ${operator}`, found.rows.map((row) => row.id), nearest);
    }
  }
  for (const [operator, nearest] of Object.entries(common.NEAREST_BITS)) {
    const found = await client.query(`SELECT id FROM items ORDER BY b ${operator} $1`, [common.BIT_QUERY]);
    checks.equal(`b ${operator}`, found.rows.map((row) => row.id), nearest);
  }
  const sums = await client.query('SELECT avg(v), sum(h) FROM items');
  checks.near('avg', sums.rows[0].avg, common.AVERAGE);
  checks.near('sum', sums.rows[0].sum, common.SUM);
  const found = await client.query('SELECT id FROM items WHERE id > 1 ORDER BY v <-> $1 LIMIT 5', [pgvector.toSql(common.QUERY)]);
  checks.equal('filter', found.rows.map((row) => row.id), [3, 2]);
  await client.end();
});
