import Knex from 'knex';
import { SparseVector } from 'pgvector';
import pgvector from 'pgvector/knex';
import * as common from './common.js';

const METHODS = { '<->': 'l2Distance', '<#>': 'maxInnerProduct', '<=>': 'cosineDistance', '<+>': 'l1Distance' };
const BIT_METHODS = { '<~>': 'hammingDistance', '<%>': 'jaccardDistance' };

await common.run('Knex', async (checks) => {
  const knex = Knex({ client: 'pg', connection: common.createDatabase('js_knex'), pool: { min: 1, max: 1 } });
  await knex.schema.enableExtension('vector');
  await knex.schema.createTable('items', (table) => {
    table.integer('id');
    table.vector('v', 3);
    table.halfvec('h', { dimensions: 3 });
    table.sparsevec('s', { dimensions: 3 });
    table.specificType('b', 'bit(3)');
    for (const [column, name] of common.INDEXES) {
      table.index(knex.raw(`${column} ${name}`), `by_${name}`, 'hnsw');
    }
    table.index(knex.raw('v vector_l2_ops'), 'lists', 'ivfflat');
  });
  await knex('items').insert(
    Object.entries(common.ROWS).map(([id, row]) => ({
      id, v: pgvector.toSql(row), h: pgvector.toSql(row), s: pgvector.toSql(new SparseVector(row)), b: common.BITS[id],
    })),
  );
  await knex.raw('SET enable_seqscan = off');
  const rows = await knex('items').orderBy('id');
  checks.equal('reads', rows.map((row) => pgvector.fromSql(row.v)), Object.values(common.ROWS));
  for (const column of ['v', 'h', 's']) {
    const query = column === 's' ? new SparseVector(common.QUERY) : common.QUERY;
    for (const [operator, nearest] of Object.entries(common.NEAREST)) {
      const order = knex('items')[METHODS[operator]](column, query);
      const found = await knex('items').orderBy(order).limit(3);
      checks.equal(`${column} ${operator}`, found.map((row) => row.id), nearest);
    }
  }
  for (const [operator, nearest] of Object.entries(common.NEAREST_BITS)) {
    const order = knex('items')[BIT_METHODS[operator]]('b', common.BIT_QUERY);
    checks.equal(`b ${operator}`, (await knex('items').orderBy(order)).map((row) => row.id), nearest);
  }
  const [{ avg }] = await knex('items').avg('v');
  checks.near('avg', pgvector.fromSql(avg), common.AVERAGE);
  const found = await knex('items').where('id', '>', 1).orderBy(knex.l2Distance('v', common.QUERY)).limit(5);
  checks.equal('filter', found.map((row) => row.id), [3, 2]);
  await knex.destroy();
});
