import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KinesisStreamEvent } from 'aws-lambda';
import pg from 'pg';
import { createProjectStream } from '../../functions/project-stream.ts';
import { createLambdaContext } from '../../infra/local/lambda-context.ts';
import type { Database } from '../../lib/store/database.ts';
import { migrate } from '../../lib/store/migrate.ts';
import { openPg } from '../../lib/store/pg-database.ts';
import { openPglite } from '../../lib/store/pglite-database.ts';
import { createQueryStore } from '../../lib/store/query-store.ts';
import { createLogger } from '../../lib/telemetry.ts';
import { startPostgresServer } from '../fixtures/postgres-server.ts';
import { noPayloads } from '../fixtures/stream-events.ts';
import { copyRows, createCopyTable, toCopyText } from './copy-rows.ts';
import { type Contender, contender, medianTimes, type Table } from './measure.ts';
import { recordByRecord, type Statements } from './record-by-record.ts';
import { syncBatch } from './sync-batch.ts';

const EVENTS = 500;
const RECORDS = 10;
const RUNS = { rounds: 9, warmUp: 2 };

process.env.POWERTOOLS_LOG_LEVEL = 'SILENT';

/** The stream handler, Kinesis event in to rows committed, beside the plain ways of writing the same rows. */
export async function benchProjection(): Promise<Table[]> {
  return [await benchPostgres(), await benchEmbedded()];
}

async function benchPostgres(): Promise<Table> {
  const server = await startPostgresServer();
  const database = openPg({ connectionString: server.url });
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await migrate(database);
  await createCopyTable(client);
  const statements: Statements = {
    execute: async (name, text, values) => {
      await client.query(values ? { name, text, values: [...values] } : text);
    },
  };
  const copy = contender({
    name: 'bare COPY, same key',
    prepare: (round) => toCopyText(batch(`copy ${round}`, 1)),
    run: (text) => copyRows(client, text),
  });
  const times = await compare(database, statements, [copy]);
  await client.end();
  await database.close();
  await server.close();
  return toTable(`Stream handler on PostgreSQL 18, ${EVENTS} events x ${RECORDS} records`, times);
}

async function benchEmbedded(): Promise<Table> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  const database = await openPglite({ dataDir: join(directory, 'database') });
  await migrate(database);
  const statements: Statements = {
    execute: async (_name, text, values) => {
      await database.query(text, values ?? []);
    },
  };
  const times = await compare(database, statements, []);
  await database.close();
  await rm(directory, { recursive: true });
  return toTable(`Stream handler on the embedded database, ${EVENTS} events x ${RECORDS} records`, times);
}

function batch(group: string, version: number): KinesisStreamEvent {
  return syncBatch({ events: EVENTS, records: RECORDS, group, version });
}

type Times = Record<'new rows' | 'newer rows' | 'exact replay', Map<string, number>>;

async function compare(
  database: Database,
  statements: Statements,
  others: readonly Contender[],
): Promise<Times> {
  const handler = createProjectStream({
    store: createQueryStore(database),
    fetchPayload: noPayloads,
    parallelizationFactor: 1,
    report: () => undefined,
    logger: createLogger('bench'),
  });
  const ours = async (event: KinesisStreamEvent) => {
    const { batchItemFailures } = await handler(event, createLambdaContext('bench', 'us-east-1'));
    if (batchItemFailures.length > 0) throw new Error('the handler failed');
  };
  const both = (prepareFor: (name: string, round: number) => KinesisStreamEvent): Contender[] => [
    contender({ name: 'stream handler', prepare: (round) => prepareFor('ours', round), run: ours }),
    contender({
      name: 'record by record',
      prepare: (round) => prepareFor('theirs', round),
      run: (event) => recordByRecord(statements, event),
    }),
  ];
  return {
    'new rows': await medianTimes([...both((name, round) => batch(`${name} ${round}`, 1)), ...others], RUNS),
    'newer rows': await medianTimes(
      both((name, round) => batch(`${name} 0`, 10 + round)),
      RUNS,
    ),
    'exact replay': await medianTimes(
      both((name) => batch(`${name} 0`, 1)),
      RUNS,
    ),
  };
}

/** A row per case: rows a second of each contender, and how many times as fast the handler is. */
function toTable(title: string, times: Times): Table {
  const rows: Table['rows'] = {};
  for (const [name, byContender] of Object.entries(times)) {
    const oursMs = byContender.get('stream handler') ?? Number.NaN;
    const cells: Record<string, string> = {};
    for (const [contender, ms] of byContender) {
      cells[contender] = `${Math.round((EVENTS * RECORDS * 1000) / ms).toLocaleString('en')} rows/s`;
      if (contender !== 'stream handler') cells[`handler / ${contender}`] = `${(ms / oursMs).toFixed(2)} x`;
    }
    rows[name] = cells;
  }
  return { title, rows };
}
