import { PrismaPg } from '@prisma/adapter-pg';
import prisma from '@prisma/client';
import pgvector, { SparseVector } from 'pgvector';
import * as common from './common.js';

const { Prisma, PrismaClient } = prisma;
const ids = (rows) => rows.map((row) => row.id);

await common.run('Prisma', async (checks) => {
  const adapter = new PrismaPg(common.createDatabase('js_prisma'));
  const db = new PrismaClient({ adapter });
  await db.$executeRaw`CREATE EXTENSION IF NOT EXISTS vector`;
  // Prisma makes tables by a program that is not in the registry.
  await db.$executeRaw`CREATE TABLE items (id int PRIMARY KEY, v vector(3), h halfvec(3), s sparsevec(3), b bit(3))`;
  for (const [column, name] of common.INDEXES) {
    await db.$executeRawUnsafe(`CREATE INDEX ON items USING hnsw (${column} ${name})`);
  }
  for (const [id, row] of Object.entries(common.ROWS)) {
    const dense = pgvector.toSql(row);
    const sparse = pgvector.toSql(new SparseVector(row));
    await db.$executeRaw`INSERT INTO items VALUES (${Number(id)}, ${dense}::vector, ${dense}::halfvec, ${sparse}::sparsevec, ${common.BITS[id]}::text::bit(3))`;
  }
  checks.equal('counts', await db.item.count(), 3);
  checks.equal('finds', ids(await db.item.findMany({ where: { id: { gt: 1 } }, orderBy: { id: 'asc' } })), [2, 3]);
  const rows = await db.$queryRaw`SELECT v::text, h::text FROM items ORDER BY id`;
  checks.equal('reads', rows.map((row) => [pgvector.fromSql(row.v), pgvector.fromSql(row.h)]), Object.values(common.ROWS).map((row) => [row, row]));
  await db.$transaction(async (session) => {
    await session.$executeRaw`SET LOCAL enable_seqscan = off`;
    for (const [column, type] of [['v', 'vector'], ['h', 'halfvec'], ['s', 'sparsevec']]) {
      const query = pgvector.toSql(type === 'sparsevec' ? new SparseVector(common.QUERY) : common.QUERY);
      for (const [operator, nearest] of Object.entries(common.NEAREST)) {
        const found = await session.$queryRaw`SELECT id FROM items ORDER BY ${Prisma.raw(`${column} ${operator}`)} ${query}::${Prisma.raw(type)} LIMIT 3`;
        checks.equal(`${column} ${operator}`, ids(found), nearest);
      }
    }
  });
  for (const [operator, nearest] of Object.entries(common.NEAREST_BITS)) {
    const found = await db.$queryRaw`SELECT id FROM items ORDER BY b ${Prisma.raw(operator)} ${common.BIT_QUERY}::text::bit(3) LIMIT 3`;
    checks.equal(`b ${operator}`, ids(found), nearest);
  }
  const [{ average }] = await db.$queryRaw`SELECT avg(v)::text AS average FROM items`;
  checks.near('avg', pgvector.fromSql(average), common.AVERAGE);
  const found = await db.$queryRaw`SELECT id FROM items WHERE id > ${1} ORDER BY v <-> ${pgvector.toSql(common.QUERY)}::vector LIMIT 5`;
  checks.equal('filter', ids(found), [3, 2]);
  await db.item.delete({ where: { id: 3 } });
  checks.equal('deletes', await db.item.count(), 2);
  await db.$disconnect();
});
