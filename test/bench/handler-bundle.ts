import { benchBundle } from './bundle.ts';
import type { Table } from './measure.ts';

/** Measures the start of the stream handler and of the service. */
export async function benchHandlerBundle(): Promise<Table[]> {
  const bundle = await benchBundle({
    title: 'Bundle and import of the stream handler',
    functionName: 'project-stream',
    limits: { bytes: 400_000, importMs: 120 },
  });
  const service = await benchBundle({
    title: 'Bundle and import of the service',
    functionName: 'service-api',
    limits: { bytes: 950_000, importMs: 250 },
  });
  return [bundle, service];
}
