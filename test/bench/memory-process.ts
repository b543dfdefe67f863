import { handler } from '../../functions/project-stream.ts';
import { deployedMappingSettings } from '../../infra/local/event-source-mapping/deployed-mapping-settings.ts';
import { MAX_PAYLOAD_BYTES } from '../../infra/local/event-source-mapping/kinesis-event.ts';
import { createLambdaContext } from '../../infra/local/lambda-context.ts';
import { readDatabaseUrl } from '../../lib/database/database-address.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { migrate } from '../../lib/database/schema/migrate.ts';
import type { MemorySample } from './memory.ts';
import { syncBatch } from './sync-batch.ts';

// The child process of memory.ts: `memory-process.ts <batches>`, with DATABASE_URL and --expose-gc. Runs the batches
// through the handler and sends a memory sample after each.
const [, , batches] = process.argv;
const { batchSize: EVENTS } = deployedMappingSettings();
const RECORDS = 10;
const { gc } = globalThis;
if (!gc) throw new Error('needs --expose-gc');

const database = openPg({ connectionString: readDatabaseUrl(process.env) });
await migrate(database);
await database.close();

const padding = fillingPadding();
for (let batch = 0; batch < Number(batches); batch += 1) {
  const payloadBytes = await project(batch, padding);
  gc();
  const { heapUsed, rss } = process.memoryUsage();
  const sample: MemorySample = { payloadBytes, heapUsed, rss, maxRss: process.resourceUsage().maxRSS * 1024 };
  await new Promise((resolve) => process.send?.(sample, resolve));
}
// The handler keeps its connections open, as in AWS, so this process would not end by itself.
process.exit();

/**
 * Projects a batch that has the maximum number of events of the mapping and the maximum payload size of an invocation.
 * @returns the payload's size in bytes
 */
async function project(batch: number, padding: string): Promise<number> {
  const payload = payloadOf(batch, padding);
  const { batchItemFailures } = await handler(JSON.parse(payload), createLambdaContext('bench', 'us-east-1'));
  if (batchItemFailures.length > 0) throw new Error('the handler failed');
  return payload.length;
}

/** Returns the padding that, added to every second value, fills the payload to its maximum size after base64. */
function fillingPadding(): string {
  const spareBytes = MAX_PAYLOAD_BYTES - payloadOf(0, '').length;
  // Base64 rounds the size of each event up. One byte less per value compensates for that.
  return '.'.repeat(Math.floor((spareBytes * 0.75) / (EVENTS * (RECORDS / 2))) - 1);
}

function payloadOf(batch: number, padding: string): string {
  return JSON.stringify(
    syncBatch({ events: EVENTS, records: RECORDS, group: `memory ${batch}`, version: 1, padding }),
  );
}
