import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalCloud, startLocalCloud } from '../../infra/local/start-local-cloud.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { type PostgresServer, startPostgresServer } from '../fixtures/database/postgres-server.ts';
import { type Validate, validatorOf } from '../fixtures/query/validator.ts';
import { askSigned } from '../fixtures/wire/signing.ts';

const ID = randomUUID();
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/** A valid body of each route that has one. */
const BODIES: Readonly<Record<string, unknown>> = {
  '/query/sql': { sql: 'select 1' },
  '/query/quarantine/{id}/redrive': { payload: 'edited' },
  '/query/quarantine/redrive': { ids: [ID] },
  '/query/quarantine/dismiss': { ids: [ID] },
};

interface Description {
  paths: Record<string, Record<string, { parameters?: { name: string; in: string; required?: boolean }[] }>>;
}

interface Route {
  method: string;
  /** As in the description, for example `/query/quarantine/{id}`. */
  template: string;
  /** With a value for each parameter that is required. */
  path: string;
}

function routesOf({ paths }: Description): Route[] {
  return Object.entries(paths).flatMap(([template, methods]) =>
    Object.entries(methods).map(([method, { parameters = [] }]) => {
      const required = parameters.filter((each) => each.in === 'query' && each.required);
      const query = new URLSearchParams(Object.fromEntries(required.map(({ name }) => [name, 'any'])));
      return { method, template, path: `${template.replace('{id}', ID)}?${query}` };
    }),
  );
}

describe('the description of the query API', () => {
  const opened = new AsyncDisposableStack();
  let server: PostgresServer;
  let cloud: LocalCloud;
  let validate: Validate;
  let routes: Route[];

  beforeAll(async () => {
    server = await startPostgresServer();
    opened.defer(() => server.close());
    cloud = await startLocalCloud({ databaseUrl: server.url });
    opened.defer(() => cloud.close());
    const response = await fetch(`${cloud.url}/query/openapi.json`);
    const description: Description = JSON.parse(await response.text());
    validate = validatorOf(description);
    routes = routesOf(description);
  }, 120_000);
  afterAll(() => opened.disposeAsync(), 120_000);

  /** Calls a route, and checks its response against the description. @returns the status */
  async function call(
    { method, template, path }: Route,
    body = JSON.stringify(BODIES[template]),
    headers: Record<string, string> = { 'content-type': 'application/json' },
  ): Promise<number> {
    const response = await askSigned(cloud.url, method.toUpperCase(), path, {
      service: 'execute-api',
      headers,
      ...(method === 'post' && { body }),
    });
    const answer: unknown = await response.json();
    expect(validate(template.replace('/query', ''), response.status, answer, method)).toBeUndefined();
    return response.status;
  }
  const statuses = async (
    called: readonly Route[],
    ...rest: [body?: string, headers?: Record<string, string>]
  ) => {
    const found: Record<string, number> = {};
    for (const route of called) found[`${route.method} ${route.template}`] = await call(route, ...rest);
    return found;
  };
  const all = (called: readonly Route[], status: number) =>
    Object.fromEntries(called.map(({ method, template }) => [`${method} ${template}`, status]));
  const withBody = () => routes.filter(({ method }) => method === 'post');

  it('has a valid body for each route with a body', () => {
    expect(
      withBody()
        .map(({ template }) => template)
        .toSorted(),
    ).toEqual(Object.keys(BODIES).toSorted());
  });

  it('contains the response to a body that is too large, and to one that is not JSON', async () => {
    const large = JSON.stringify({ payload: 'x'.repeat(MAX_BODY_BYTES) });
    expect(await statuses(withBody(), large)).toEqual(all(withBody(), 413));
    expect(await statuses(withBody(), '{}', { 'content-type': 'text/plain' })).toEqual(all(withBody(), 415));
  });

  it('contains the response of each route to a page of another origin', async () => {
    const foreign = { origin: 'https://foreign.example', 'content-type': 'application/json' };
    expect(await statuses(routes, undefined, foreign)).toEqual(all(routes, 403));
  });

  it('contains the response to a request that waits too long for a lock', async () => {
    const other = openPg({ connectionString: server.url });
    try {
      await other.transaction(async (tx) => {
        await tx.query('LOCK TABLE projection.quarantine IN ACCESS EXCLUSIVE MODE');
        const [dismiss] = routes.filter(({ template }) => template.endsWith('/dismiss'));
        expect(dismiss && (await call(dismiss))).toBe(429);
      });
    } finally {
      await other.close();
    }
  }, 60_000);

  it('contains the response of each route while the database is stopped', async () => {
    await server.kill();
    try {
      expect(await statuses(routes)).toEqual(all(routes, 503));
    } finally {
      await server.start();
    }
  }, 120_000);
});
