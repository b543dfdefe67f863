import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import pg from 'pg';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { migrate } from '../../lib/database/schema/migrate.ts';
import { createOptionalIndexes, OPTIONAL_INDEX_NAMES } from '../../lib/projection/store/optional-indexes.ts';
import { startPostgresServer } from '../fixtures/database/postgres-server.ts';
import { quantile, type Table } from './measure.ts';
import { PAGES, type Page } from './query-pages.ts';
import { fillQueryStore, RECORDS } from './query-rows.ts';
import { startProcess } from './start-process.ts';

/** All pages are measured several times, so that a moment in which the machine is slow affects only a part of them. */
const PASSES = 5;
const ROUNDS = 400;
const WARM_UP = 300;
/** Maximum of the p99 of a route, relative to the p99 of bare SQL for the same page. */
const MAX_RATIO = 3;

/**
 * Measures each list of the query API over HTTP, from the request to the complete response. After each request,
 * measures bare SQL for the same page, on a connection of its own. Then continues with the next page of the list.
 */
export async function benchQuery(): Promise<Table[]> {
  const server = await startPostgresServer();
  const client = new pg.Client({ connectionString: server.url });
  try {
    await client.connect();
    await fill(server.url, client);
    const api = await startProcess<{ port: number }>(
      new URL('./query-server.ts', import.meta.url),
      server.url,
    );
    return [await compare(client, api.ready.port).finally(() => api.stop())];
  } finally {
    await client.end();
    await server.close();
  }
}

async function compare(client: pg.Client, port: number): Promise<Table> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const passes: Record<string, Times[]> = {};
  for (let pass = 0; pass < PASSES; pass += 1) {
    for (const [name, page] of Object.entries(PAGES)) {
      passes[name] = [...(passes[name] ?? []), await measure({ name, ...page }, client, socket)];
    }
  }
  socket.destroy();
  const rows: Table['rows'] = {};
  const overLimit: string[] = [];
  for (const [name, times] of Object.entries(passes)) {
    // One pass has too few of the slowest requests for a p99.
    const route = times.flatMap((time) => time.route);
    const bare = times.flatMap((time) => time.bare);
    const ratio = quantile(route, 0.99) / quantile(bare, 0.99);
    rows[name] = {
      ...inMs('route', route),
      ...inMs('bare SQL', bare),
      'p99 ratio': `${ratio.toFixed(2)} x`,
    };
    if (ratio > MAX_RATIO) overLimit.push(`${name}: p99 is ${ratio.toFixed(2)} x that of bare SQL`);
  }
  const title = `Query API on PostgreSQL 18 with ${RECORDS.toLocaleString('en')} records, at most ${MAX_RATIO} x`;
  return { title, rows, overLimit };
}

async function fill(url: string, client: pg.Client): Promise<void> {
  const database = openPg({ connectionString: url });
  await migrate(database);
  await fillQueryStore(client);
  for (const name of OPTIONAL_INDEX_NAMES) await createOptionalIndexes(database).add(name);
  await database.close();
  await client.query('VACUUM (ANALYZE)');
  await client.query('CHECKPOINT');
}

/** In milliseconds. */
interface Times {
  route: number[];
  bare: number[];
}

async function measure(page: Page & { name: string }, client: pg.Client, socket: Socket): Promise<Times> {
  const times: Times = { route: [], bare: [] };
  const { rounds = ROUNDS } = page;
  const warmUp = Math.min(WARM_UP, rounds);
  let cursor: string | null = null;
  let last: Record<string, unknown> | undefined;
  for (let round = -warmUp; round < rounds; round += 1) {
    const parameters = page.parameters?.(round + warmUp) ?? {};
    const query = new URLSearchParams({ ...parameters, ...(cursor !== null && { cursor }) });
    const values = page.values?.(round + warmUp, last) ?? [];

    const startRoute = performance.now();
    const body = await send(socket, page, `/query/${page.path}?${query}`);
    const startBare = performance.now();
    const { rows } = await client.query({ name: page.name, text: page.sql, values });
    const end = performance.now();

    if (round >= 0) {
      times.route.push(startBare - startRoute);
      times.bare.push(end - startBare);
    }
    const { items = [], next = null } = JSON.parse(body);
    if (page.body === undefined && page.path !== 'counts' && items.length !== rows.length) {
      throw new Error(`${page.path}: the route has ${items.length} items, bare SQL has ${rows.length} rows`);
    }
    // After the last page, the route and bare SQL start again with the first page. The number of rows shows the last
    // page. The cursor does not, because the feed of changes returns a cursor even with its last page.
    cursor = rows.length < 100 ? null : next;
    last = cursor === null ? undefined : rows.at(-1);
  }
  return times;
}

/**
 * Sends one request on the connection. An HTTP client would add its own processor time, which is half of the time of a
 * fast route.
 *
 * @returns the body of the response
 */
async function send(socket: Socket, { body }: Page, path: string): Promise<string> {
  const json = body && JSON.stringify(body);
  const more = json && `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(json)}\r\n`;
  socket.write(
    `${json ? 'POST' : 'GET'} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more ?? ''}\r\n${json ?? ''}`,
  );
  const parts: Buffer[] = [];
  for (;;) {
    parts.push(...(await once(socket, 'data')));
    const received = Buffer.concat(parts);
    const start = received.indexOf('\r\n\r\n') + 4;
    if (start < 4) continue;
    const head = received.toString('latin1', 0, start);
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1]);
    if (received.length < start + length) continue;
    const text = received.toString('utf8', start);
    if (head.startsWith('HTTP/1.1 200')) return text;
    throw new Error(`${path}: ${head}${text}`);
  }
}

function inMs(name: string, times: readonly number[]): Record<string, string> {
  return {
    [`${name} p50`]: `${quantile(times, 0.5).toFixed(2)} ms`,
    [`${name} p99`]: `${quantile(times, 0.99).toFixed(2)} ms`,
  };
}
