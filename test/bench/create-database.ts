import { randomUUID } from 'node:crypto';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';

/** Creates a database on a server. @returns its connection string */
export async function createDatabase(serverUrl: string): Promise<string> {
  const name = `bench_${randomUUID().replaceAll('-', '')}`;
  const server = openPg({ connectionString: serverUrl });
  await server.query(`CREATE DATABASE ${name}`);
  await server.close();
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}
