import { type ConnectionSettings, toConnectionSettings } from './connection-settings.ts';

/** Reads the text of a secret. Rejects with a message for the operator that never contains the text. */
export type ReadSecret = () => Promise<string>;

export interface ReadSettings {
  settings: ConnectionSettings;
  /** Whether the settings come from the cache and may predate a rotation. */
  isCached: boolean;
}

export interface SecretSettings {
  /**
   * Returns the settings in the secret, at most five minutes old.
   *
   * @throws the errors of reading and parsing the secret
   */
  get(): Promise<ReadSettings>;
  /**
   * Removes these settings from the cache, unless newer settings have replaced them. The next `get` then reads the
   * secret.
   */
  invalidate(settings: ConnectionSettings): void;
}

interface SecretSettingsDeps {
  read: ReadSecret;
  /** The location of the database; null if the secret contains the location. */
  url: string | null;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
}

const MAX_AGE_MS = 5 * 60 * 1000;

/** Caches the connection settings in a secret. Concurrent callers share one read. */
export function createSecretSettings({ read, url, now }: SecretSettingsDeps): SecretSettings {
  let cached: { settings: ConnectionSettings; readAt: number } | null = null;
  let reading: Promise<ConnectionSettings> | null = null;

  async function refresh(): Promise<ConnectionSettings> {
    const readAt = now();
    const settings = toConnectionSettings(await read(), url);
    cached = { settings, readAt };
    return settings;
  }

  return {
    async get() {
      if (cached !== null && now() < cached.readAt + MAX_AGE_MS) {
        return { settings: cached.settings, isCached: true };
      }
      reading ??= refresh().finally(() => {
        reading = null;
      });
      return { settings: await reading, isCached: false };
    },
    invalidate(settings) {
      if (cached?.settings === settings) cached = null;
    },
  };
}
