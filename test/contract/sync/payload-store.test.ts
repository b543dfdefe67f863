import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSweepPayloads } from '../../../functions/sweep-payloads.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import type { Database } from '../../../lib/database/database.ts';
import { createPayloadStore } from '../../../lib/sync/store/payload-store.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';

describe.each(DATABASES)('the payload store on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(() => database.query('DELETE FROM sync.payloads'));

  const put = async (body: string, expiresAt: number) => {
    const payloadId = randomUUID();
    await database.query('INSERT INTO sync.payloads VALUES ($1, $2, $3)', [payloadId, body, expiresAt]);
    return payloadId;
  };

  it('returns a stored payload, and null for an unknown id', async () => {
    const body = '[{"key":"é\\u0001"}]';
    const payloadId = await put(body, 0);
    const payloads = createPayloadStore(database);
    expect(await payloads.read(payloadId)).toBe(body);
    expect(await payloads.read(randomUUID())).toBeNull();
  });

  it('removes only expired payloads, at most 100 per call', async () => {
    const payloads = createPayloadStore(database);
    for (let index = 0; index < 101; index += 1) await put('[]', 1_000 + index);
    const kept = await put('[]', 2_000);
    expect(await payloads.removeExpired(1_000)).toBe(0);
    expect(await payloads.removeExpired(2_000)).toBe(100);
    expect(await payloads.removeExpired(2_000)).toBe(1);
    expect(await payloads.removeExpired(2_000)).toBe(0);
    expect(await payloads.read(kept)).toBe('[]');
  });

  it('is cleaned up by the sweep-payloads function', async () => {
    const past = await put('[]', Date.now() - 1);
    const future = await put('[]', Date.now() + 60_000);
    const payloads = createPayloadStore(database);
    const sweep = createSweepPayloads({ payloads, logger: createLogger('sweep-payloads') });
    expect(await sweep({}, createLambdaContext('sweep-payloads', 'us-east-1'))).toEqual({ swept: 1 });
    expect([await payloads.read(past), await payloads.read(future)]).toEqual([null, '[]']);
  });
});
