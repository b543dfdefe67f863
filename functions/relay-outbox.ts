import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createKinesisClient } from '../lib/aws/kinesis-client.ts';
import { createKinesisPublisher } from '../lib/aws/kinesis-publisher.ts';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createLogger } from '../lib/aws/telemetry.ts';
import type { Environment } from '../lib/common/environment.ts';
import { readStream } from '../lib/common/stream-name.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import { type RelayOptions, type RelayOutcome, relayOutbox } from '../lib/sync/jobs/relay-outbox.ts';
import type { EventPublisher, Outbox, StreamingSwitch } from '../lib/sync/ports/outbox.ts';
import { createOutboxStore, createStreamingSwitch } from '../lib/sync/store/outbox-store.ts';

/** Ignores the event that the schedule sends. */
export type RelayOutboxHandler = (event: unknown, context: Context) => Promise<RelayOutcome>;

export interface RelayOutboxFunctionDeps {
  outbox: Outbox;
  publisher: EventPublisher;
  streaming: StreamingSwitch;
  /** The stream for outbox rows without a stream name. Such rows were written when only one stream was supported. */
  streamName: string;
  logger: Logger;
  options?: Partial<RelayOptions>;
}

/**
 * Time reserved for the last batch: three attempts of a Kinesis request, and the SQL statements before and after that
 * request.
 */
const BATCH_MS = 50_000;

/**
 * Publishes outbox rows as events on their pools' streams until the function's time runs out. If a stream no longer
 * exists, disables streaming for the pools of that stream, records the reason and logs one warning. The rows for that
 * stream stay in the outbox, and later runs retry those rows without further log messages.
 *
 * An event that Kinesis rejects permanently is parked: its row stays in the outbox, but only an operator can retry it.
 * A run fails if it published nothing and parked nothing, although the outbox contains rows for existing streams. A
 * stalled outbox therefore appears among the function's errors.
 */
export function createRelayOutbox({ logger, options, ...deps }: RelayOutboxFunctionDeps): RelayOutboxHandler {
  return middy<unknown, RelayOutcome>()
    .use(injectLambdaContext(logger))
    .handler(async (_event, context) => {
      const timeBudgetMs = context.getRemainingTimeInMillis() - BATCH_MS;
      const outcome = await relayOutbox({ ...deps, now: Date.now, options: { timeBudgetMs, ...options } });
      const { published, postponed, parked, refusals, goneStreams, withoutStream } = outcome;
      const held = postponed - withoutStream;
      if (goneStreams.length > 0)
        logger.warn('streams no longer exist; disabled streaming for their pools', { goneStreams });
      if (parked > 0) logger.error('parked some events; see docs/local.md to retry them', { ...outcome });
      else if (published === 0 && held > 0) {
        throw new Error(`none of ${held} events could be published: ${refusals.join(', ')}`);
      } else if (held > 0)
        logger.warn('could not publish all events; the relay retries them', { ...outcome });
      else if (published > 0) logger.info('published events', { ...outcome });
      return outcome;
    });
}

let deployed: RelayOutboxHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: RelayOutboxHandler = (event, context) => {
  deployed ??= compose(process.env);
  return deployed(event, context);
};

function compose(env: Environment): RelayOutboxHandler {
  const { region, streamName } = readStream(env);
  const database = openFromEnvironment(env, createSecretReader, { maxConnections: 1 });
  return createRelayOutbox({
    outbox: createOutboxStore(database),
    publisher: createKinesisPublisher(createKinesisClient({ region })),
    streaming: createStreamingSwitch(database),
    streamName,
    logger: createLogger('relay-outbox'),
  });
}
