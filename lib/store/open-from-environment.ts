import { type DatabaseAddress, type Environment, readDatabase } from '../config.ts';
import type { Database } from './database.ts';
import { openDsql } from './dsql-database.ts';
import { openPg, type PoolOptions } from './pg-database.ts';

/** The database that DATABASE_URL or DSQL_ENDPOINT names. @throws {SetupError} naming what is missing or wrong */
export function openFromEnvironment(env: Environment, options: PoolOptions = {}): Database {
  return openAddress(readDatabase(env), options);
}

/** Connects when first asked something. */
export function openAddress(address: DatabaseAddress, options: PoolOptions = {}): Database {
  return address.kind === 'dsql'
    ? openDsql({ host: address.host, region: address.region, ...options })
    : openPg({ connectionString: address.url, ...options });
}
