import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { benchBundle } from './bundle.ts';
import type { Table } from './measure.ts';

/** What calls of one case took, by contender, milliseconds. */
export interface TriggerSample {
  name: string;
  times: Record<'rules' | 'handler' | 'json', { p50: number; p99: number }>;
}

/**
 * The sync trigger: what a call takes, and what its start takes. Beside it is what any function pays that is sent such an
 * event and answers it: to read its JSON and to write it again.
 */
export async function benchTrigger(): Promise<Table[]> {
  const samples = await sampleCalls();
  const bundle = await benchBundle({
    title: 'Sync trigger as it is deployed, with rules that import nothing',
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

/** In a process of its own: the garbage of other benches is not the trigger's. */
async function sampleCalls(): Promise<TriggerSample[]> {
  const child = fork(fileURLToPath(new URL('./trigger-process.ts', import.meta.url)), {
    // The log and the metrics go to standard output.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const samples: TriggerSample[] = [];
  child.on('message', (sample: TriggerSample) => samples.push(sample));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the trigger bench ended with code ${code}`);
  return samples;
}
