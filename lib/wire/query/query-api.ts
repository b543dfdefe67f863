import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';
import type { Cursors } from '../../query/cursors.ts';
import type { QueryReader } from '../../query/ports/query-reader.ts';
import type { SqlRunner } from '../../query/ports/sql-runner.ts';
import type { WireLogger } from '../wire-response.ts';
import { addChangeStream, EVENT_STREAM, refuseChangeStream } from './change-stream.ts';
import { addCountsRoute } from './counts-route.ts';
import { failureOf, failures } from './failures.ts';
import { type List, listsOf, type Paging, type ReadMigrations } from './lists.ts';
import { addQuarantineRoutes, type QuarantineOperations, type QueryBindings } from './quarantine-routes.ts';
import { addSqlRoute } from './sql-route.ts';
import { withIsoDates } from './with-iso-dates.ts';

/** The first part of all paths of the query API. */
const QUERY_PATH = '/query';

/**
 * Answers one request to the query API. Never rejects.
 * @param caller `isOperator`: whether the request is signed with a developer's access key. Default: false
 */
export type QueryApi = (request: Request, caller?: QueryBindings) => Promise<Response>;

interface QueryApiDeps {
  reader: QueryReader;
  /** Absent: the list of migrations does not exist. */
  readMigrations?: ReadMigrations;
  /** What operators do with quarantined events. Absent: their routes do not exist. */
  quarantine?: QuarantineOperations;
  /** Whether a response can be sent while it is created, so that the changes can be streamed. Default: true */
  canStream?: boolean;
  /** Runs the SQL of callers. */
  sql: SqlRunner;
  cursors: Cursors;
  logger: WireLogger;
  /** Milliseconds of a clock that never goes back. */
  now?: () => number;
}

/**
 * Creates the query API, which returns lists of the query store as JSON, one page per request. A cursor is valid only
 * for the query that returned it. The OpenAPI description is generated from the definitions that check the requests.
 *
 * @param logger logs unexpected errors; the client receives only the status 500
 */
export function createQueryApi({
  reader,
  readMigrations,
  quarantine,
  canStream = true,
  sql,
  cursors,
  logger,
  now = () => performance.now(),
}: QueryApiDeps): QueryApi {
  const app = new OpenAPIHono<{ Bindings: QueryBindings }>({
    defaultHook: (result, context) =>
      result.success ? undefined : context.json({ message: firstIssue(result.error) }, 400),
  }).basePath(QUERY_PATH);

  // The stream is added before the list `/changes`, which answers all clients that do not accept server-sent events.
  if (canStream) addChangeStream(app, { reader, cursors, about: aboutOf('/changes', {}), logger, now });
  else refuseChangeStream(app);
  for (const definition of listsOf(reader, readMigrations)) add(definition as List<Paging>);
  addCountsRoute(app, reader);
  addSqlRoute(app, sql, now);
  if (quarantine !== undefined) addQuarantineRoutes(app, quarantine);
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'Query API of cognito-sync-backend', version: '1' },
  });
  app.notFound((context) => {
    const allowed = methodsOf(context.req.path).join(', ');
    if (allowed !== '') {
      return context.json({ message: `this route has only the method ${allowed}` }, 405, { Allow: allowed });
    }
    return context.json({ message: `no such route; see ${QUERY_PATH}/openapi.json` }, 404);
  });
  app.onError((error, context) => {
    // For example, a body that is not JSON.
    if (error instanceof HTTPException && error.status < 500) {
      return context.json({ message: error.message }, error.status);
    }
    const { status, message } = failureOf(error);
    if (status >= 500) logger.error('a query failed', { error });
    return context.json({ message }, status, status === 429 ? { 'Retry-After': '1' } : {});
  });

  function add({ path, summary, description, query, item, read }: List<Paging>): void {
    const page = z.object({ items: z.array(item), next: z.string().nullable() });
    const isStreamed = path === '/changes';
    const route = createRoute({
      method: 'get',
      path,
      operationId: `list${path.replace(/[/-](\w)/g, (_, letter: string) => letter.toUpperCase())}`,
      summary,
      ...(description !== undefined && { description }),
      request: { query: query as z.ZodType<Paging> & z.ZodObject },
      responses: {
        200: {
          description: 'A page',
          content: {
            'application/json': { schema: page },
            ...(isStreamed && canStream && { [EVENT_STREAM]: { schema: item } }),
          },
        },
        ...failures([409, ...(isStreamed && !canStream ? [501 as const] : [])]),
      },
    });
    app.openapi(route, async (context) => {
      const given = context.req.valid('query') as Paging;
      const { limit, cursor, ...filters } = given;
      const about = aboutOf(path, filters);
      const after = cursor === undefined ? null : cursors.read(cursor, about);
      const { items, next } = await read(given, { limit, after });
      return context.json({ items: items.map(withIsoDates), next: next && cursors.write(next, about) }, 200);
    });
  }

  return async (request, caller = { isOperator: false }) => app.fetch(request, caller);

  /** Returns the methods of the routes with exactly this path. */
  function methodsOf(pathname: string): string[] {
    return [...new Set(app.routes.filter(({ path }) => path === pathname).map(({ method }) => method))];
  }
}

/**
 * Returns what a cursor is bound to: the path and the filters, but not `since`, which a cursor of `/changes` replaces.
 */
function aboutOf(path: string, filters: object): string[] {
  return [path, JSON.stringify({ ...filters, since: undefined })];
}

function firstIssue({ issues }: z.ZodError): string {
  const [issue] = issues;
  const where = issue?.path.join('.') ?? '';
  return where === '' ? (issue?.message ?? 'invalid request') : `${where}: ${issue?.message}`;
}
