import { type ConnectionSettings, toConnectionSettings } from './connection-settings.ts';

/** Asks for a secret's text. Rejects with what the operator can read, and never with the text. */
export type ReadSecret = () => Promise<string>;

export interface ReadSettings {
  settings: ConnectionSettings;
  /** Whether they had been read before, and so may be those of before a rotation. */
  isCached: boolean;
}

export interface SecretSettings {
  /** What the secret says, or has said up to five minutes ago. @throws what reading it, and its text, come to */
  get(): Promise<ReadSettings>;
  /** Has the secret read anew by the next `get`, unless it has been since these were. */
  drop(settings: ConnectionSettings): void;
}

interface SecretSettingsDeps {
  read: ReadSecret;
  /** Where the database is, where the secret does not tell. */
  url: string | null;
  /** Epoch milliseconds. */
  now: () => number;
}

const MAX_AGE_MS = 5 * 60 * 1000;

/** The settings of connections by a secret, which is read once for all that ask at the same time. */
export function createSecretSettings({ read, url, now }: SecretSettingsDeps): SecretSettings {
  let held: { settings: ConnectionSettings; readAt: number } | null = null;
  let reading: Promise<ConnectionSettings> | null = null;

  async function readAnew(): Promise<ConnectionSettings> {
    const readAt = now();
    const settings = toConnectionSettings(await read(), url);
    held = { settings, readAt };
    return settings;
  }

  return {
    async get() {
      if (held !== null && now() < held.readAt + MAX_AGE_MS) {
        return { settings: held.settings, isCached: true };
      }
      reading ??= readAnew().finally(() => {
        reading = null;
      });
      return { settings: await reading, isCached: false };
    },
    drop(settings) {
      if (held?.settings === settings) held = null;
    },
  };
}
