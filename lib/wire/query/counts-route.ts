import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { QueryReader } from '../../query/ports/query-reader.ts';
import { failures } from './failures.ts';
import type { QueryBindings } from './quarantine-routes.ts';
import { COUNTS } from './schemas.ts';

const ROUTE = createRoute({
  method: 'get',
  path: '/counts',
  operationId: 'readCounts',
  summary: 'How much the query store contains',
  responses: {
    200: { description: 'The counts', content: { 'application/json': { schema: COUNTS } } },
    ...failures(),
  },
});

/** Adds the route that returns how much the query store contains. */
export function addCountsRoute(app: OpenAPIHono<{ Bindings: QueryBindings }>, reader: QueryReader): void {
  app.openapi(ROUTE, async (context) => {
    const { projectedAt, ...counts } = await reader.counts();
    return context.json({ ...counts, projectedAt: projectedAt?.toISOString() ?? null }, 200);
  });
}
