import pg from 'pg';
import type { ReadDatabase } from '../../read-sql.ts';
import type { ConnectionSettings } from './connection-settings.ts';
import { openOnPool, type PoolOptions, serverSettings } from './open-pg.ts';
import { createSecretSettings, type ReadSecret, type SecretSettings } from './secret-settings.ts';

export interface SecretDatabaseOptions extends PoolOptions {
  /** Reads the secret that contains the location and login of the database, or only the login. */
  read: ReadSecret;
  /** The location of the database, without a password; null if the secret contains the location. */
  url: string | null;
  /** Returns the current time in epoch milliseconds. */
  now?: () => number;
}

/**
 * Opens a PostgreSQL server behind a connection pool that takes the login of each new connection from a secret. After
 * a rotation, the pool finds the new login without a restart. Connects on the first query.
 */
export function openWithSecret({
  read,
  url,
  now = Date.now,
  ...options
}: SecretDatabaseOptions): ReadDatabase {
  const settings = createSecretSettings({ read, url, now });
  return openOnPool(new SecretPool(settings, serverSettings(options)), options);
}

type Connected = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (release?: Error | boolean) => void,
) => void;

/** Invalid password, or unknown user. Source: PostgreSQL documentation, "PostgreSQL Error Codes", class 28. */
const LOGIN_REJECTED = new Set(['28P01', '28000']);

/**
 * Sets the login before each new connection: pg creates a connection with the current value of `options`. The pool's
 * `query` also calls `connect`, so overriding `connect` is enough.
 */
class SecretPool extends pg.Pool {
  readonly #source: SecretSettings;
  readonly #common: pg.PoolOptions;
  #settings: ConnectionSettings | undefined;

  constructor(source: SecretSettings, config: pg.PoolConfig) {
    super(config);
    this.#source = source;
    this.#common = this.options;
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: Connected): void;
  override connect(callback?: Connected): Promise<pg.PoolClient> | undefined {
    const connected = this.#connect();
    if (callback === undefined) return connected;
    connected.then(
      (client) => callback(undefined, client, client.release),
      (error: Error) => callback(error, undefined, () => undefined),
    );
    return undefined;
  }

  async #connect(): Promise<pg.PoolClient> {
    // An idle connection needs no secret, and keeps working while the secret cannot be read. So the secret is read only
    // if no connection is idle.
    const isFresh = this.idleCount === 0 && !(await this.#refresh());
    const used = this.#settings;
    try {
      return await super.connect();
    } catch (error) {
      if (used === undefined || !isLoginRejected(error)) throw error;
      this.#source.invalidate(used);
      if (isFresh) throw error;
      await this.#refresh();
      return super.connect();
    }
  }

  /** @returns whether the settings of the next connection come from the cache */
  async #refresh(): Promise<boolean> {
    const { settings, isCached } = await this.#source.get();
    this.#settings = settings;
    this.options = { ...this.#common, ...settings };
    return isCached;
  }
}

function isLoginRejected(error: unknown): boolean {
  return error instanceof pg.DatabaseError && LOGIN_REJECTED.has(error.code ?? '');
}
