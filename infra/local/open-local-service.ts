import { setTimeout as timer } from 'node:timers/promises';
import type { Developers } from '../../lib/common/service-keys.ts';
import type { SigningKeys } from '../../lib/common/signed-text.ts';
import type { DataDirectory } from '../../lib/database/data-directory.ts';
import type { LoginVerifier } from '../../lib/identity/logins/verify-logins.ts';
import { trustLogin } from '../../lib/identity/user-of-token.ts';
import { createOriginRates, type OriginRates } from '../../lib/move/origin-rates.ts';
import { limitRates } from '../../lib/wire/service/limit-rates.ts';
import { openLoginVerifier } from '../../lib/wire/service/login-verifier.ts';
import type { observeActivity } from './activity/observe-activity.ts';
import type { LocalConfig } from './local-config.ts';
import { createLocalService, type LocalService, type LocalServiceDeps } from './local-service.ts';
import type { LocalMetrics } from './metrics/local-metrics.ts';
import { readTokenKey } from './token-key.ts';

interface OpenLocalServiceDeps extends Pick<LocalServiceDeps, 'uses' | 'origin'> {
  config: Omit<LocalConfig, 'dataDir' | 'databaseUrl'>;
  directory: DataDirectory;
  activity: ReturnType<typeof observeActivity>;
  metrics: LocalMetrics;
}

/** The service, and what other parts of the local cloud share with it. */
export interface OpenedService {
  service: LocalService;
  developers: Developers;
  tokenKeys: SigningKeys;
  /** Null if logins are trusted. */
  logins: LoginVerifier | null;
  originRates: OriginRates;
}

/** Opens the service with the settings of the local cloud. */
export async function openLocalService({
  config,
  directory,
  activity,
  metrics,
  ...deps
}: OpenLocalServiceDeps): Promise<OpenedService> {
  const { region, credentials, limits, pushProviders, readOrigin } = config;
  const developers: Developers = [credentials, ...config.otherDevelopers];
  const tokenKeys = config.tokenKeys ?? [await readTokenKey(directory.tokenKey)];
  const logins = config.logins === 'trusted' ? null : openLoginVerifier(config.loginProviders);
  const originRates = createOriginRates({
    now: Date.now,
    sleep: (ms) => timer(ms, undefined, { ref: false }),
  });
  const service = createLocalService({
    ...deps,
    feed: activity.feed,
    watchCall: activity.watchCall,
    invokeFunction: metrics.countCalls(activity.invokeFunction),
    observer: metrics.requests,
    limits,
    developers,
    tokenKeys,
    rateLimits: limitRates(config.rateLimits),
    region,
    verifyLogin: logins?.verify ?? trustLogin,
    pushProviders,
    readOrigin,
    originRates,
  });
  return { service, developers, tokenKeys, logins, originRates };
}
