import { benchBundle } from './bundle.ts';
import type { Table } from './measure.ts';

/** Measures the start of the stream handler. */
export async function benchHandlerBundle(): Promise<Table[]> {
  const bundle = await benchBundle({
    title: 'Bundle and import of the stream handler',
    functionName: 'project-stream',
    limits: { bytes: 400_000, importMs: 120 },
  });
  return [bundle];
}
