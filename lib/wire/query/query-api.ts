import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';
import { ValueRefusedError } from '../../common/errors.ts';
import type { Cursors } from '../../query/cursors.ts';
import type { PageRequest, QueryPage } from '../../query/model.ts';
import { type KeyOrder, QueryError, type QueryReader } from '../../query/ports/query-reader.ts';
import type { WireLogger } from '../wire-response.ts';
import { addQuarantineRoutes, type QuarantineOperations, type QueryBindings } from './quarantine-routes.ts';
import * as schemas from './schemas.ts';

/** The first part of all paths of the query API. */
const QUERY_PATH = '/query';

/**
 * Answers one request to the query API. Never rejects.
 * @param caller `isOperator`: whether the request is signed with a developer's access key. Default: false
 */
export type QueryApi = (request: Request, caller?: QueryBindings) => Promise<Response>;

interface Paging {
  limit: number;
  cursor?: string | undefined;
}

interface List<Query extends Paging> {
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

function listsOf(reader: QueryReader) {
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
        '`next` is never null. Use it later to read what changed in the meantime. No change is skipped. Of several changes of one record, only the newest remains.',
      query: schemas.SINCE,
      item: schemas.CHANGE,
      read: ({ since }, page) => reader.changes(since === undefined ? null : new Date(since), page),
    }),
    list({
      path: '/quarantine',
      summary: 'Events that could not be projected, newest first',
      query: schemas.PAGING,
      item: schemas.QUARANTINED_EVENT,
      read: (_, page) => reader.quarantine(page),
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
      summary: 'Periods in which removals may be missing',
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
  ];
}

function orderOf({ order, min, max, value }: z.output<typeof schemas.OF_KEY>): KeyOrder {
  const descending = order.startsWith('-');
  return order.endsWith('number')
    ? { by: 'number', descending, min: min ?? null, max: max ?? null }
    : { by: 'text', descending, equals: value ?? null };
}

/**
 * Creates the query API, which returns lists of the query store as JSON, one page per request. A cursor is valid only for
 * the query that returned it. The OpenAPI description is generated from the definitions that check the requests.
 *
 * @param logger logs unexpected errors; the client receives only the status 500
 */
export function createQueryApi({
  reader,
  quarantine,
  cursors,
  logger,
}: {
  reader: QueryReader;
  /** What operators do with quarantined events. */
  quarantine: QuarantineOperations;
  cursors: Cursors;
  logger: WireLogger;
}): QueryApi {
  const app = new OpenAPIHono<{ Bindings: QueryBindings }>({
    defaultHook: (result, context) =>
      result.success ? undefined : context.json({ message: firstIssue(result.error) }, 400),
  }).basePath(QUERY_PATH);

  for (const definition of listsOf(reader)) add(definition as List<Paging>);
  addQuarantineRoutes(app, quarantine);
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'Query API of cognito-sync-backend', version: '1' },
  });
  app.notFound((context) => context.json({ message: `no such route; see ${QUERY_PATH}/openapi.json` }, 404));
  app.onError((error, context) => {
    if (error instanceof QueryError) {
      return context.json({ message: error.message }, error.reason === 'missing-index' ? 409 : 400);
    }
    // For example, a NUL character in a filter.
    if (error instanceof ValueRefusedError) {
      return context.json({ message: 'a parameter contains a character that SQL text cannot store' }, 400);
    }
    // For example, a body that is not JSON.
    if (error instanceof HTTPException && error.status < 500) {
      return context.json({ message: error.message }, error.status);
    }
    logger.error('a query failed', { error });
    return context.json({ message: 'internal error' }, 500);
  });

  function add({ path, summary, description, query, item, read }: List<Paging>): void {
    const page = z.object({ items: z.array(item), next: z.string().nullable() });
    const route = createRoute({
      method: 'get',
      path,
      summary,
      ...(description !== undefined && { description }),
      request: { query: query as z.ZodType<Paging> & z.ZodObject },
      responses: {
        200: { description: 'A page', content: { 'application/json': { schema: page } } },
        ...failures([400, 409, 500]),
      },
    });
    app.openapi(route, async (context) => {
      const given = context.req.valid('query') as Paging;
      const { limit, cursor, ...filters } = given;
      // A cursor of changes replaces `since`.
      const about = [path, JSON.stringify({ ...filters, since: undefined })];
      const after = cursor === undefined ? null : cursors.read(cursor, about);
      const { items, next } = await read(given, { limit, after });
      return context.json({ items, next: next && cursors.write(next, about) }, 200);
    });
  }

  return async (request, caller = { isOperator: false }) => app.fetch(request, caller);
}

const FAILURES: Readonly<Record<number, string>> = {
  400: 'A parameter or the cursor is invalid',
  409: 'An index is missing; the message names the command that adds it',
  500: 'An unexpected error, which the service has logged',
};

function failures(statuses: readonly number[]) {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: FAILURES[status] ?? '',
        content: { 'application/json': { schema: schemas.ERROR } },
      },
    ]),
  );
}

function firstIssue({ issues }: z.ZodError): string {
  const [issue] = issues;
  const where = issue?.path.join('.') ?? '';
  return where === '' ? (issue?.message ?? 'invalid request') : `${where}: ${issue?.message}`;
}
