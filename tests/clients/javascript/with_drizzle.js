import { avg, cosineDistance, gt, hammingDistance, innerProduct, jaccardDistance, l1Distance, l2Distance, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { bit, halfvec, integer, pgTable, sparsevec, vector } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { SparseVector } from 'pgvector';
import * as common from './common.js';

const DISTANCES = { '<->': l2Distance, '<#>': innerProduct, '<=>': cosineDistance, '<+>': l1Distance };
const BIT_DISTANCES = { '<~>': hammingDistance, '<%>': jaccardDistance };

const items = pgTable('items', {
  id: integer('id').primaryKey(),
  v: vector('v', { dimensions: 3 }),
  h: halfvec('h', { dimensions: 3 }),
  s: sparsevec('s', { dimensions: 3 }),
  b: bit('b', { dimensions: 3 }),
});

await common.run('Drizzle', async (checks) => {
  const client = new pg.Client(common.createDatabase('js_drizzle'));
  await client.connect();
  const db = drizzle({ client });
  await db.execute('CREATE EXTENSION IF NOT EXISTS vector');
  // Drizzle makes tables by a program of its own, which needs a project around it.
  await db.execute('CREATE TABLE items (id int PRIMARY KEY, v vector(3), h halfvec(3), s sparsevec(3), b bit(3))');
  for (const [column, name] of common.INDEXES) {
    await db.execute(`CREATE INDEX ON items USING hnsw (${column} ${name})`);
  }
  await db.insert(items).values(
    Object.entries(common.ROWS).map(([id, row]) => ({
      id: Number(id), v: row, h: row, s: new SparseVector(row).toString(), b: common.BITS[id],
    })),
  );
  await db.execute('SET enable_seqscan = off');
  const rows = await db.select().from(items).orderBy(items.id);
  checks.equal('reads', rows.map((row) => [row.v, row.h, row.b]), Object.entries(common.ROWS).map(([id, row]) => [row, row, common.BITS[id]]));
  for (const column of ['v', 'h', 's']) {
    const query = column === 's' ? new SparseVector(common.QUERY).toString() : common.QUERY;
    for (const [operator, nearest] of Object.entries(common.NEAREST)) {
      const found = await db.select().from(items).orderBy(DISTANCES[operator](items[column], query)).limit(3);
      checks.equal(`${column} ${operator}`, found.map((row) => row.id), nearest);
    }
  }
  for (const [operator, nearest] of Object.entries(common.NEAREST_BITS)) {
    const found = await db.select().from(items).orderBy(BIT_DISTANCES[operator](items.b, common.BIT_QUERY));
    checks.equal(`b ${operator}`, found.map((row) => row.id), nearest);
  }
  const [{ average }] = await db.select({ average: avg(items.v) }).from(items);
  checks.near('avg', JSON.parse(average), common.AVERAGE);
  const found = await db.select().from(items).where(gt(items.id, 1)).orderBy(l2Distance(items.v, common.QUERY)).limit(5);
  checks.equal('filter', found.map((row) => row.id), [3, 2]);
  const [{ d }] = await db.select({ d: sql`${items.h} <-> ${JSON.stringify(common.QUERY)}` }).from(items).where(gt(items.id, 2));
  checks.equal('distance', d, 1);
  await client.end();
});
