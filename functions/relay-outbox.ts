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

/** Whatever the schedule sends: nothing of it is read. */
export type RelayOutboxHandler = (event: unknown, context: Context) => Promise<RelayOutcome>;

export interface RelayOutboxFunctionDeps {
  outbox: Outbox;
  publisher: EventPublisher;
  streaming: StreamingSwitch;
  /** For rows of a time when there was but one stream. */
  streamName: string;
  logger: Logger;
  options?: Partial<RelayOptions>;
}

/** The longest a batch takes: three attempts of a request to Kinesis, and the statements around it. */
const BATCH_MS = 50_000;

/**
 * Outbox rows in, events on their pools' streams out, as long as the function's time allows. Where a stream is gone, its
 * pools stream no more and say so, which is logged as a warning once; what waits for it stays, and is tried on in
 * silence. Fails where it got nothing published although something waits for another cause, so that a stalled outbox is
 * seen among the function's errors.
 */
export function createRelayOutbox({ logger, options, ...deps }: RelayOutboxFunctionDeps): RelayOutboxHandler {
  return middy<unknown, RelayOutcome>()
    .use(injectLambdaContext(logger))
    .handler(async (_event, context) => {
      const timeBudgetMs = context.getRemainingTimeInMillis() - BATCH_MS;
      const outcome = await relayOutbox({ ...deps, now: Date.now, options: { timeBudgetMs, ...options } });
      const { published, postponed, parked, refusals, goneStreams, withoutStream } = outcome;
      const held = postponed - withoutStream;
      if (goneStreams.length > 0) logger.warn('streams are gone, their pools are disabled', { goneStreams });
      if (parked > 0) logger.error('events parked, nobody publishes them any more', { ...outcome });
      else if (published === 0 && held > 0) {
        throw new Error(`none of ${held} events could be published: ${refusals.join(', ')}`);
      } else if (held > 0) logger.warn('events not published, to be tried again', { ...outcome });
      else if (published > 0) logger.info('published', { ...outcome });
      return outcome;
    });
}

let deployed: RelayOutboxHandler | undefined;

/** The function as AWS runs it: composed from the environment at its first event. */
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
