import pg from 'pg';
import type { Database } from '../../database.ts';
import type { ConnectionSettings } from './connection-settings.ts';
import { openOnPool, type PoolOptions, serverSettings } from './open-pg.ts';
import { createSecretSettings, type ReadSecret, type SecretSettings } from './secret-settings.ts';

export interface SecretDatabaseOptions extends PoolOptions {
  /** Reads the secret that says where the database is, or as whom. */
  read: ReadSecret;
  /** Where the database is, without a password; null where the secret tells. */
  url: string | null;
  /** Epoch milliseconds. */
  now?: () => number;
}

/**
 * A PostgreSQL server behind a pool that asks a secret for each connection it makes, so that one that was rotated is
 * found by itself. Connects when first asked something.
 */
export function openWithSecret({ read, url, now = Date.now, ...options }: SecretDatabaseOptions): Database {
  const settings = createSecretSettings({ read, url, now });
  return openOnPool(new SecretPool(settings, serverSettings(options)), options);
}

type Connected = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (release?: Error | boolean) => void,
) => void;

/** Invalid password, and no such user. Source: PostgreSQL documentation, "PostgreSQL Error Codes", class 28. */
const REFUSED = new Set(['28P01', '28000']);

/** pg makes connections of what `options` says at that moment; a pool's own statements come through `connect`, too. */
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
    // A connection that is there needs no secret, and works on where that cannot be read.
    const isNew = this.idleCount === 0 && !(await this.#renew());
    const used = this.#settings;
    try {
      return await super.connect();
    } catch (error) {
      if (used === undefined || !isRefused(error)) throw error;
      this.#source.drop(used);
      if (isNew) throw error;
      await this.#renew();
      return super.connect();
    }
  }

  /** @returns whether the next connection's settings are cached ones */
  async #renew(): Promise<boolean> {
    const { settings, isCached } = await this.#source.get();
    this.#settings = settings;
    this.options = { ...this.#common, ...settings };
    return isCached;
  }
}

function isRefused(error: unknown): boolean {
  return error instanceof pg.DatabaseError && REFUSED.has(error.code ?? '');
}
