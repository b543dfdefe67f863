import { createServer, type Server, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDsqlPool, openDsql } from '../../../lib/database/drivers/dsql/open-dsql.ts';

// No cluster is available here, and the connector requires TLS with a trusted certificate. These tests therefore end at
// the TLS handshake.
const CLUSTER = { host: 'abc123.dsql.eu-west-1.on.aws', region: 'eu-west-1', user: 'admin' };
const CREDENTIALS = {
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'hunter2',
  AWS_SESSION_TOKEN: 'session',
};

let before: NodeJS.ProcessEnv;
beforeEach(() => {
  before = { ...process.env };
  Object.assign(process.env, CREDENTIALS);
});
afterEach(() => {
  process.env = before;
});

/** Starts a server without TLS. Connections that use `stream` reach it instead of the cluster. */
async function withoutTls(): Promise<{ server: Server; stream: () => Socket; received: () => string }> {
  const chunks: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      socket.write('N');
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  class Detour extends Socket {
    override connect(): this {
      return super.connect(port, '127.0.0.1');
    }
  }
  return { server, stream: () => new Detour(), received: () => Buffer.concat(chunks).toString('latin1') };
}

describe('the connection pool of an Aurora DSQL cluster', () => {
  it('connects over verified TLS, as admin, to the only database', () => {
    const { options } = createDsqlPool({ ...CLUSTER, maxConnections: 3, statementTimeoutMs: 1_000 });
    expect(options).toMatchObject({
      host: CLUSTER.host,
      port: 5432,
      user: 'admin',
      database: 'postgres',
      ssl: { rejectUnauthorized: true },
      max: 3,
      query_timeout: 6_000,
    });
  });

  it('sets no option that a cluster rejects', () => {
    const { options } = createDsqlPool(CLUSTER);
    expect(
      Object.keys(options).filter((name) => /statement_timeout|lock_timeout|^options$/.test(name)),
    ).toEqual([]);
  });

  it('closes its connections before the cluster ends them after an hour', () => {
    expect(createDsqlPool(CLUSTER).options.maxLifetimeSeconds).toBeLessThan(3600);
  });

  it('signs a token for the cluster and its region, and never sends it without TLS', async () => {
    const { server, stream, received } = await withoutTls();
    const pool = createDsqlPool(CLUSTER, { stream });
    await expect(pool.connect()).rejects.toThrow('does not support SSL');
    const token = new URL(`https://${String(pool.options.password)}`);
    expect(token.host).toBe(CLUSTER.host);
    expect(token.searchParams.get('Action')).toBe('DbConnectAdmin');
    expect(token.searchParams.get('X-Amz-Credential')).toMatch(
      /^AKIDEXAMPLE\/\d{8}\/eu-west-1\/dsql\/aws4_request$/,
    );
    expect(token.searchParams.get('X-Amz-Security-Token')).toBe('session');
    expect(token.searchParams.get('X-Amz-Signature')).toMatch(/^[0-9a-f]{64}$/);
    expect(received()).not.toContain('X-Amz');
    await pool.end();
    server.close();
  });

  it('uses the dialect "dsql"', async () => {
    const database = openDsql(CLUSTER);
    expect(database.dialect).toBe('dsql');
    await database.close();
  });
});
