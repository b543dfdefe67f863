import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '../../common/environment.ts';
import { createRefreshedResource } from '../../common/refreshed-resource.ts';
import { createSteadyClock } from '../../common/steady-clock.ts';
import type { CreateSecretReader } from '../../database/open-from-environment.ts';
import { readDeployedOrigin } from '../../move/read-deployed-origin.ts';
import type { OriginSettings } from '../../move/read-origin-settings.ts';
import { createSettingText } from './setting-text.ts';

/** A handler with the connections that it uses. */
interface OpenHandler<Args extends unknown[], Result> {
  handle: (...args: Args) => Promise<Result>;
  close(): void;
}

interface ForOriginDeps<Args extends unknown[], Result> {
  env: Environment;
  createSecretReader: CreateSecretReader;
  logger: { error(message: string, details: Record<string, unknown>): void };
  /** `pushProviders` is the text of PUSH_PROVIDERS, or of the secret in PUSH_PROVIDERS_SECRET. */
  create: (settings: OriginSettings, pushProviders: string) => OpenHandler<Args, Result>;
  /** Milliseconds of a clock that never goes back. */
  now?: () => number;
}

const MAX_AGE_MS = 5 * 60_000;
const MAX_STALE_MS = 60 * 60_000;
const MIN_INTERVAL_MS = 30_000;
const MAX_WAIT_MS = 5_000;

/**
 * Creates the handler of a function that calls the origin of a migration, and creates it again after a secret has
 * changed. The secrets are read again every five minutes. The earlier handler is closed after its last invocation has
 * ended.
 *
 * @returns a handler that rejects with a SetupError if a setting is invalid
 */
export function createForOrigin<Args extends unknown[], Result>({
  env,
  createSecretReader,
  logger,
  create,
  now = createSteadyClock(),
}: ForOriginDeps<Args, Result>): (...args: Args) => Promise<Result> {
  const readKeys = createSettingText(env, 'ORIGIN_KEYS', createSecretReader);
  const readPush = createSettingText(env, 'PUSH_PROVIDERS', createSecretReader);
  const current = createRefreshedResource<OpenHandler<Args, Result> & { texts: string }>({
    async open(previous) {
      const [keys, pushProviders] = await Promise.all([readKeys(), readPush()]);
      const texts = JSON.stringify([keys, pushProviders]);
      if (previous?.texts === texts) return previous;
      return { texts, ...create(readDeployedOrigin(env, keys), pushProviders) };
    },
    maxAgeMs: MAX_AGE_MS,
    maxStaleMs: MAX_STALE_MS,
    minIntervalMs: MIN_INTERVAL_MS,
    maxWaitMs: MAX_WAIT_MS,
    sleep: (ms) => sleep(ms, undefined, { ref: false }),
    now,
    report: (error) =>
      logger.error('the secrets could not be read again; the earlier ones remain in use', {
        error,
      }),
  });
  return (...args) => current.use(({ handle }) => handle(...args));
}
