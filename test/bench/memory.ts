import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startPostgresServer } from '../fixtures/database/postgres-server.ts';
import { median, type Table } from './measure.ts';

/** Bytes that the process holds after a batch and a garbage collection, and its maximum so far. */
export interface MemorySample {
  payloadBytes: number;
  heapUsed: number;
  rss: number;
  maxRss: number;
}

const BATCHES = 100;

/** Runs batches through the handler of the deployed function. Each batch has the maximum size that Lambda passes. */
export async function benchMemory(): Promise<Table[]> {
  const server = await startPostgresServer();
  const samples = await sampleBatches(server.url).finally(() => server.close());
  const payload = mebibytes(samples[0]?.payloadBytes ?? Number.NaN, 2);
  const quarter = samples.length / 4;
  const toCells = (figure: (sample: MemorySample) => number) => {
    const first = median(samples.slice(0, quarter).map(figure));
    const last = median(samples.slice(-quarter).map(figure));
    return {
      'first quarter': mebibytes(first),
      'last quarter': mebibytes(last),
      'last / first': `${(last / first).toFixed(2)} x`,
      most: mebibytes(Math.max(...samples.map(figure))),
    };
  };
  return [
    {
      title: `Memory of the stream handler on PostgreSQL 18, ${samples.length} batches of ${payload}`,
      rows: {
        'heap used after a batch': toCells(({ heapUsed }) => heapUsed),
        'resident after a batch': toCells(({ rss }) => rss),
        'resident at any time': { most: mebibytes(samples.at(-1)?.maxRss ?? Number.NaN) },
      },
    },
  ];
}

/** Runs in a separate process, so that garbage of other benchmarks is not attributed to the handler. */
async function sampleBatches(databaseUrl: string): Promise<MemorySample[]> {
  const child = fork(fileURLToPath(new URL('./memory-process.ts', import.meta.url)), [String(BATCHES)], {
    execArgv: ['--expose-gc'],
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      PAYLOAD_REGIONS: 'us-east-1',
      POWERTOOLS_LOG_LEVEL: 'SILENT',
    },
    // Discards standard output, to which the handler writes its metrics.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const samples: MemorySample[] = [];
  child.on('message', (sample: MemorySample) => samples.push(sample));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0 || samples.length < BATCHES) {
    throw new Error(`the memory benchmark exited with code ${code} after ${samples.length} batches`);
  }
  return samples;
}

function mebibytes(bytes: number, digits = 1): string {
  return `${(bytes / 2 ** 20).toFixed(digits)} MiB`;
}
