import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { benchBundle } from './bundle.ts';
import type { Table } from './measure.ts';

/** Milliseconds per call of one case, by contender. */
export interface TriggerSample {
  name: string;
  times: Record<'rules' | 'handler' | 'json', { p50: number; p99: number }>;
}

/**
 * Measures the calls and the start of the sync trigger. Compares the calls with the minimum work of any function on
 * such an event: it parses the event's JSON and writes it again.
 */
export async function benchTrigger(): Promise<Table[]> {
  const samples = await sampleCalls();
  const bundle = await benchBundle({
    title: 'Bundle and import of the sync trigger, with rules that import nothing',
    functionName: 'sync-trigger',
    limits: { bytes: 120_000, importMs: 40 },
  });
  return [
    {
      title: 'Sync trigger, 1,024 records changed, 100 rules; limit of p99: 5 ms',
      rows: Object.fromEntries(samples.map(({ name, times }) => [name, toCells(times)])),
    },
    bundle,
  ];
}

function toCells({ rules, handler, json }: TriggerSample['times']): Table['rows'][string] {
  return {
    'rules, p50': `${rules.p50.toFixed(2)} ms`,
    'rules, p99': `${rules.p99.toFixed(2)} ms`,
    'handler, p50': `${handler.p50.toFixed(2)} ms`,
    'handler, p99': `${handler.p99.toFixed(2)} ms`,
    'JSON, p50': `${json.p50.toFixed(2)} ms`,
    'JSON, p99': `${json.p99.toFixed(2)} ms`,
    'rules / JSON': `${(rules.p50 / json.p50).toFixed(2)} x`,
    'handler / JSON': `${(handler.p50 / json.p50).toFixed(2)} x`,
  };
}

/** Runs in a separate process, so that garbage of other benchmarks is not attributed to the trigger. */
async function sampleCalls(): Promise<TriggerSample[]> {
  const child = fork(fileURLToPath(new URL('./trigger-process.ts', import.meta.url)), {
    // Discards standard output, to which the handler writes its log and its metrics.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const samples: TriggerSample[] = [];
  child.on('message', (sample: TriggerSample) => samples.push(sample));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the trigger benchmark exited with code ${code}`);
  return samples;
}
