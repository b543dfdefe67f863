import type { z } from '@hono/zod-openapi';
import type { MigrationStatus } from '../../move/migration-status.ts';
import type { PageRequest, QueryPage } from '../../query/model.ts';
import type { KeyOrder, QueryReader } from '../../query/ports/query-reader.ts';
import { MIGRATION } from './migration-schema.ts';
import * as schemas from './schemas.ts';

export interface Paging {
  limit: number;
  cursor?: string | undefined;
}

/** A route that returns a list, one page per request. */
export interface List<Query extends Paging> {
  path: string;
  summary: string;
  description?: string;
  query: z.ZodType<Query>;
  item: z.ZodType<object>;
  read(query: Query, page: PageRequest): Promise<QueryPage<object>>;
}

/** Keeps the type of the query's members for `read`. */
const list = <Query extends Paging>(definition: List<Query>): List<Query> => definition;

const NEEDS_INDEX =
  'Needs the optional index `numeric` or `text`. Without the index, the answer is 409 with the command that adds it.';

/** Reads a page of the pools that are being migrated. */
export type ReadMigrations = (page: PageRequest) => Promise<QueryPage<MigrationStatus>>;

/** Returns the lists of the query API. @param readMigrations if absent, the list of migrations is left out */
export function listsOf(reader: QueryReader, readMigrations: ReadMigrations | undefined) {
  return [
    list({
      path: '/pools',
      summary: 'Identity pools that have data',
      query: schemas.PAGING,
      item: schemas.POOL,
      read: (_, page) => reader.pools(page),
    }),
    list({
      path: '/identities',
      summary: 'Identities of a pool',
      query: schemas.IN_POOL,
      item: schemas.IDENTITY,
      read: ({ pool }, page) => reader.identities(pool, page),
    }),
    list({
      path: '/datasets',
      summary: 'Datasets of an identity',
      query: schemas.OF_IDENTITY,
      item: schemas.DATASET,
      read: ({ pool, identity }, page) =>
        reader.datasets({ identityPoolId: pool, identityId: identity }, page),
    }),
    list({
      path: '/records',
      summary: 'Records of a dataset',
      description: 'The order is always the same, but not alphabetical.',
      query: schemas.OF_DATASET,
      item: schemas.RECORD,
      read: ({ pool, identity, dataset }, page) =>
        reader.records({ identityPoolId: pool, identityId: identity, datasetName: dataset }, page),
    }),
    list({
      path: '/records-by-key',
      summary: 'Records with one key, across all identities',
      description: `For example, a leaderboard. ${NEEDS_INDEX}`,
      query: schemas.OF_KEY,
      item: schemas.RECORD,
      read: (query, page) =>
        reader.recordsOf(
          query.key,
          orderOf(query),
          { identityPoolId: query.pool ?? null, datasetName: query.dataset ?? null },
          page,
        ),
    }),
    list({
      path: '/changes',
      summary: 'Changes of all records, oldest first',
      description:
        '`next` is never null. Pass it as `cursor` later to read what changed in the meantime. No change is skipped. Of several changes of one record, only the newest remains.',
      query: schemas.SINCE,
      item: schemas.CHANGE,
      read: ({ since }, page) => reader.changes(since === undefined ? null : new Date(since), page),
    }),
    list({
      path: '/quarantine',
      summary: 'Events that could not be projected, newest first',
      query: schemas.OF_QUARANTINE,
      item: schemas.QUARANTINED_EVENT,
      read: ({ waiting }, page) => reader.quarantine(page, { isWaiting: waiting === 'true' }),
    }),
    list({
      path: '/bulk-publishes',
      summary: 'Bulk publishes and how complete they are',
      query: schemas.PAGING,
      item: schemas.BULK_PUBLISH,
      read: (_, page) => reader.bulkPublishes(page),
    }),
    list({
      path: '/gaps',
      summary: 'Periods whose removals of records may be missing in the query store',
      query: schemas.PAGING,
      item: schemas.GAP,
      read: (_, page) => reader.gaps(page),
    }),
    list({
      path: '/progress',
      summary: 'How far each shard of the stream is projected',
      query: schemas.PAGING,
      item: schemas.SHARD_PROGRESS,
      read: (_, page) => reader.progress(page),
    }),
    ...(readMigrations === undefined ? [] : [migrationsOf(readMigrations)]),
  ];
}

const migrationsOf = (readMigrations: ReadMigrations) =>
  list({
    path: '/migrations',
    summary: 'Pools that are being migrated from another service',
    description: 'A page has at most 10 pools.',
    query: schemas.PAGING,
    item: MIGRATION,
    read: (_, page) => readMigrations(page),
  });

function orderOf({ order, min, max, value }: z.output<typeof schemas.OF_KEY>): KeyOrder {
  const descending = order.startsWith('-');
  return order.endsWith('number')
    ? { by: 'number', descending, min: min ?? null, max: max ?? null }
    : { by: 'text', descending, equals: value ?? null };
}
