import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { SqlError } from '../../database/read-sql.ts';
import { DEFAULT_SQL_ROWS, MAX_SQL_ROWS, type SqlRunner } from '../../query/ports/sql-runner.ts';
import { failures } from './failures.ts';
import type { QueryBindings } from './quarantine-routes.ts';

const REQUEST = z
  .object({
    sql: z
      .string()
      .min(1)
      .max(100_000)
      .refine((sql) => !sql.includes('\0'), 'must not contain a NUL character')
      .openapi({ example: 'select count(*) from query.datasets' }),
    maxRows: z.int().min(1).max(MAX_SQL_ROWS).default(DEFAULT_SQL_ROWS),
  })
  .openapi('SqlRequest');

const RESULT = z
  .object({
    columns: z.array(z.object({ name: z.string(), type: z.string().openapi({ example: 'int8' }) })),
    rows: z.array(z.array(z.string().nullable())).describe("The values in PostgreSQL's text format."),
    truncated: z.boolean().describe('Whether the statement has more rows than `maxRows`.'),
    milliseconds: z.number().describe('How long the statement took, including the time that it waited.'),
  })
  .openapi('SqlResult');

const SQL_ERROR = z
  .object({
    message: z.string().describe("PostgreSQL's message."),
    code: z.string().optional().openapi({ example: '42601', description: 'The SQLSTATE.' }),
    position: z
      .int()
      .nullable()
      .optional()
      .describe('The character of `sql` at which the error was found, starting at 1; null if it is unknown.'),
  })
  .openapi('SqlError');

const ROUTE = createRoute({
  method: 'post',
  path: '/sql',
  operationId: 'runSql',
  summary: 'The result of one SQL statement that reads',
  description: `The statement runs with the rights of the role \`query_reader\`, in a transaction that can only read and is rolled back. It is cancelled after ten seconds, and returns at most ${MAX_SQL_ROWS} rows.`,
  request: { body: { required: true, content: { 'application/json': { schema: REQUEST } } } },
  responses: {
    200: { description: 'The result', content: { 'application/json': { schema: RESULT } } },
    ...failures([415]),
    400: {
      description: 'The database rejected the statement, or the request is invalid',
      content: { 'application/json': { schema: SQL_ERROR } },
    },
  },
});

/** Adds the route that runs SQL. */
export function addSqlRoute(
  app: OpenAPIHono<{ Bindings: QueryBindings }>,
  { run }: SqlRunner,
  now: () => number,
): void {
  app.openapi(ROUTE, async (context) => {
    const { sql, maxRows } = context.req.valid('json');
    const start = now();
    try {
      const { columns, rows, isTruncated } = await run(sql, maxRows);
      const milliseconds = Math.round(now() - start);
      return context.json({ columns, rows, truncated: isTruncated, milliseconds }, 200);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      const { message, code, position } = error;
      return context.json({ message, code, position }, 400);
    }
  });
}
