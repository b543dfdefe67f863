import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createKinesisClient } from '../lib/aws/kinesis-client.ts';
import { createKinesisPublisher } from '../lib/aws/kinesis-publisher.ts';
import { openPayloadBucket } from '../lib/aws/payload-bucket.ts';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createLogger, createRelayReporter, type RelayReport } from '../lib/aws/telemetry.ts';
import type { Environment } from '../lib/common/environment.ts';
import { SetupError } from '../lib/common/errors.ts';
import { readPayloadBucket } from '../lib/common/function-settings.ts';
import { readStream } from '../lib/common/stream-name.ts';
import type { Database } from '../lib/database/database.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import type { RelayOutcome } from '../lib/sync/jobs/relay-batch.ts';
import { type RelayOutboxDeps, relayOutbox } from '../lib/sync/jobs/relay-outbox.ts';
import { isUploadFailure, type PayloadUploads } from '../lib/sync/jobs/upload-payload.ts';
import { type OutboxState, readOutboxState } from '../lib/sync/store/outbox-state.ts';
import { createOutboxStore } from '../lib/sync/store/outbox-store.ts';
import { createPayloadStore } from '../lib/sync/store/payload-store.ts';
import { createStreamingSwitch } from '../lib/sync/store/streaming-switch.ts';

/** Ignores the event that the schedule sends. */
export type RelayOutboxHandler = (event: unknown, context: Context) => Promise<RelayOutcome>;

export interface RelayOutboxFunctionDeps extends Omit<RelayOutboxDeps, 'now'> {
  logger: Logger;
  /** Reads the state of the outbox and writes it as metrics, after each run, even if the run fails. */
  state?: { read: () => Promise<OutboxState>; write: (report: RelayReport) => void };
}

/**
 * Time reserved for the last batch: an upload (12 s: 2 s to check whether the bucket has the payload already, and two
 * attempts of 5 s), three attempts of a Kinesis request (45 s), and the SQL statements before and after them.
 */
const BATCH_MS = 80_000;

/**
 * Publishes outbox rows as events on their pools' streams until the function's time runs out. If a stream no longer
 * exists, disables streaming for the pools of that stream, records the reason and logs one warning. The rows for that
 * stream stay in the outbox, and later runs retry those rows. If `state` is given, each run logs the names of the streams
 * for which such rows wait.
 *
 * An event that Kinesis rejects permanently is parked: its row stays in the outbox, but only an operator can retry it.
 * A run fails if it published nothing and parked nothing, although the outbox contains rows for existing streams. A
 * stalled outbox therefore appears among the function's errors.
 *
 * An event whose payload cannot be uploaded waits, regardless of the reason. Each reason is logged as an error once.
 */
export function createRelayOutbox({
  logger,
  state,
  options,
  ...deps
}: RelayOutboxFunctionDeps): RelayOutboxHandler {
  const logged = new Set<string>();
  const logNewUploadFailures = ({ refusals }: RelayOutcome) => {
    for (const failure of refusals.filter((code) => isUploadFailure(code) && !logged.has(code))) {
      logged.add(failure);
      logger.error('payloads cannot be uploaded; their events wait until the uploads succeed', { failure });
    }
  };
  const report = async (published: number | null) => {
    if (state === undefined) return;
    const found = await state.read();
    state.write({ ...found, published });
    const { unusedStreams } = found;
    if (unusedStreams.length > 0)
      logger.warn('events wait for streams to which no pool streams; see docs/self-host.md', {
        unusedStreams,
      });
  };
  return middy<unknown, RelayOutcome>()
    .use(injectLambdaContext(logger))
    .handler(async (_event, context) => {
      const timeBudgetMs = context.getRemainingTimeInMillis() - BATCH_MS;
      const run = relayOutbox({ ...deps, now: Date.now, options: { timeBudgetMs, ...options } });
      const outcome = await run.catch(async (error: unknown) => {
        // If the report fails too, the error of the run is the more useful one.
        await report(null).catch(() => undefined);
        throw error;
      });
      await report(outcome.published);
      const { published, postponed, parked, refusals, goneStreams, withoutStream } = outcome;
      const held = postponed - withoutStream;
      logNewUploadFailures(outcome);
      if (goneStreams.length > 0)
        logger.warn('streams no longer exist; disabled streaming for their pools', { goneStreams });
      if (parked > 0) logger.error('parked some events; see docs/self-host.md to retry them', { ...outcome });
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
    uploads: openPayloadUploads(env, database),
    state: { read: () => readOutboxState(database), write: createRelayReporter('relay-outbox') },
    logger: createLogger('relay-outbox'),
  });
}

/**
 * Opens the bucket of PAYLOAD_BUCKET for the relay. A relay in Lambda must upload payloads, because the events that
 * `service-api` writes contain only a placeholder for the URL of the payload.
 *
 * @throws {SetupError} PAYLOAD_BUCKET is missing or invalid
 */
function openPayloadUploads(env: Environment, database: Database): PayloadUploads {
  const address = readPayloadBucket(env);
  if (address === null) {
    throw new SetupError(
      'PAYLOAD_BUCKET is not set; set it to the bucket to which the relay uploads payloads',
    );
  }
  const uploader = openPayloadBucket({ ...address, now: Date.now });
  return { payloads: createPayloadStore(database), uploader };
}
