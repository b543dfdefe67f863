import { benchBundle } from './bundle.ts';
import type { Table } from './measure.ts';

/** What the stream handler's start takes. */
export async function benchHandlerBundle(): Promise<Table[]> {
  const bundle = await benchBundle({
    title: 'Stream handler as it is deployed',
    functionName: 'project-stream',
    limits: { bytes: 400_000, importMs: 120 },
  });
  return [bundle];
}
