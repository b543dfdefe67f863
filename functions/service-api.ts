import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createOnUse } from '../lib/aws/on-use.ts';
import { createServerErrorReporter } from '../lib/aws/telemetry.ts';
import type { Environment } from '../lib/common/environment.ts';
import { readRateLimits } from '../lib/common/rate-limit-settings.ts';
import { readLoginMode } from '../lib/common/read-login-settings.ts';
import { readOrigins } from '../lib/common/read-origins.ts';
import { readTrustedProxies } from '../lib/common/read-trusted-proxies.ts';
import { createRefreshedResource } from '../lib/common/refreshed-resource.ts';
import { createSteadyClock } from '../lib/common/steady-clock.ts';
import { readStream } from '../lib/common/stream-name.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import { NO_ORIGIN } from '../lib/identity/ports/origin-logins.ts';
import { createPublishNow } from '../lib/sync/jobs/publish-now.ts';
import { createPayloadLinks, type PayloadLinks } from '../lib/sync/payload-links.ts';
import { readLimits } from '../lib/sync/read-limits.ts';
import { createOutboxStore } from '../lib/sync/store/outbox-store.ts';
import { createAnswerEvent } from '../lib/wire/lambda/answer-event.ts';
import type { HttpResult } from '../lib/wire/lambda/write-result.ts';
import { createOriginRule } from '../lib/wire/origins.ts';
import type { Answering } from '../lib/wire/service/answer-request.ts';
import { createService } from '../lib/wire/service/create-service.ts';
import { createFailureLogger } from '../lib/wire/service/failure-logger.ts';
import { limitRates } from '../lib/wire/service/limit-rates.ts';
import { openLoginVerifier } from '../lib/wire/service/login-verifier.ts';
import type { OpenedMigration } from '../lib/wire/service/open-migration.ts';
import { createSettingsReader, parseServiceSettings } from '../lib/wire/service/service-settings.ts';
import { createSourceAddresses } from '../lib/wire/source-address.ts';

/** Answers an event of a function URL, a REST API or an Application Load Balancer. */
export type ServiceApiHandler = (event: unknown, context: Context) => Promise<HttpResult>;

/** A removed key is no longer accepted after this time, provided that the keys can be read. */
const MAX_KEY_AGE_MS = 5 * 60 * 1000;
/** A removed key is no longer accepted after this time in any case. If the keys cannot be read, requests then fail. */
const MAX_STALE_KEYS_MS = 60 * 60 * 1000;
const MIN_KEY_READ_INTERVAL_MS = 30 * 1000;
/** A request waits at most this long for keys that are read again. */
const MAX_KEY_WAIT_MS = 1_000;

/** An instance answers one request at a time, which uses at most two connections at a time. */
const DATABASE = { maxConnections: 2, maxWaitMs: 5_000, lockTimeoutMs: 5_000, statementTimeoutMs: 20_000 };

/** The service with the current settings, and its connections to providers and origins. */
interface OpenService extends Answering {
  /** The settings as a JSON text, to find out whether they have changed. */
  texts: string;
  close(): void;
}

const pause = (ms: number) => sleep(ms, undefined, { ref: false });

/** Creates the handler of Cognito Sync, Cognito Identity and STS. */
export function createServiceApi(
  answer: (event: unknown) => Promise<HttpResult>,
  logger: Logger,
): ServiceApiHandler {
  return middy<unknown, HttpResult>().use(injectLambdaContext(logger)).handler(answer);
}

let deployed: ServiceApiHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: ServiceApiHandler = async (event, context) => {
  deployed ??= compose(process.env, context);
  return deployed(event, context);
};

function compose(env: Environment, { invokedFunctionArn }: Context): ServiceApiHandler {
  const { region, streamName } = readStream(env);
  readLoginMode(env, false);
  const { createSecretReader, publisher, openPush, openOrigin, openPublicOrigin, ...adapters } =
    createOnUse(region);
  const database = openFromEnvironment(env, createSecretReader, DATABASE);
  const readSettings = createSettingsReader(env, createSecretReader);
  const logger = createFailureLogger('service-api');
  const publishNow = createPublishNow({
    outbox: createOutboxStore(database),
    publisher,
    streamName,
    now: createSteadyClock(),
    sleep: pause,
    report: (error) =>
      logger.warn('an event was not published immediately; the relay publishes it', { error }),
  });
  const shared = {
    ...adapters,
    region,
    databases: { reads: database, writes: database, identity: database, jobs: database },
    accountId: invokedFunctionArn.split(':')[4] ?? '',
    limits: readLimits(env),
    rateLimits: limitRates(readRateLimits(env, true)),
    afterWrite: publishNow,
    // Lambda runs nothing after the response, so push messages are sent before it.
    pushInBackground: false,
    // The scheduled function `run-bulk-publish` finds the requested bulk publish.
    afterBulkPublish: () => undefined,
    createLogger: createFailureLogger,
  };
  const origins = readOrigins(env);

  /** Opens the migration if an origin is configured. Otherwise, its code is not even loaded. */
  async function openMigration(originKeys: string, links: PayloadLinks): Promise<OpenedMigration | null> {
    if (!env.ORIGIN_STREAM) return null;
    const offloading = { links, inlineBytes: shared.limits.inlineBytes };
    const { openDeployedMigration } = await import('../lib/wire/service/open-deployed-migration.ts');
    return openDeployedMigration({ ...shared, env, originKeys, openOrigin, openPublicOrigin, offloading });
  }

  /** Returns the previous service if no setting has changed. */
  async function open(previous: OpenService | undefined): Promise<OpenService> {
    const given = await readSettings();
    const texts = JSON.stringify(given);
    if (previous?.texts === texts) return previous;
    const { developers, tokenKeys, loginProviders, pushProviders } = parseServiceSettings(given);
    const { verify: verifyLogin } = openLoginVerifier(loginProviders);
    const payloadLinks = createPayloadLinks({
      keys: tokenKeys,
      // The relay uploads the payload and replaces this address before it publishes the event.
      origin: () => 'https://payloads.invalid',
      now: Date.now,
      randomId: randomUUID,
    });
    const migration = await openMigration(given.originKeys, payloadLinks);
    const pushChannel = openPush(pushProviders);
    const { findApi } = createService({
      ...shared,
      ownership: migration?.ownership ?? null,
      originLogins: migration?.originLogins ?? NO_ORIGIN,
      developers,
      tokenKeys,
      verifyLogin,
      payloadLinks,
      pushChannel,
    });
    return {
      texts,
      findApi,
      acceptsOrigin: createOriginRule(origins, developers),
      close() {
        migration?.close();
        pushChannel.close();
      },
    };
  }

  const service = createRefreshedResource({
    open,
    maxAgeMs: MAX_KEY_AGE_MS,
    maxStaleMs: MAX_STALE_KEYS_MS,
    minIntervalMs: MIN_KEY_READ_INTERVAL_MS,
    maxWaitMs: MAX_KEY_WAIT_MS,
    sleep: pause,
    now: createSteadyClock(),
    report: (error) =>
      logger.error('the keys could not be read again; the earlier keys remain in use', { error }),
  });
  const sources = createSourceAddresses(readTrustedProxies(env));
  return createServiceApi(
    createAnswerEvent({
      service,
      sources,
      logger,
      reportServerError: createServerErrorReporter('service-api'),
    }),
    logger,
  );
}
