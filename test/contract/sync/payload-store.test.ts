import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSweepPayloads } from '../../../functions/sweep-payloads.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import type { Database } from '../../../lib/database/database.ts';
import { createPayloadStore } from '../../../lib/sync/store/payload-store.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';

describe.each(SERVICE_DATABASES)('the payload store on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(() => deleteRows(database, ['sync.payloads', 'sync.payload_parts']));

  const put = async (body: string, expiresAt: number, rest: readonly string[] = []) => {
    const payloadId = randomUUID();
    await database.query('INSERT INTO sync.payloads VALUES ($1, $2, $3)', [payloadId, body, expiresAt]);
    for (const [index, part] of rest.entries()) {
      const values = [payloadId, index + 1, part];
      await database.query('INSERT INTO sync.payload_parts VALUES ($1, $2, $3)', values);
    }
    return payloadId;
  };
  const countParts = async () =>
    (await database.query<{ n: number }>('SELECT count(*) AS n FROM sync.payload_parts')).rows[0]?.n;

  it('returns a stored payload, and null for an unknown id', async () => {
    const body = '[{"key":"é\\u0001"}]';
    const payloadId = await put(body, 0);
    const payloads = createPayloadStore(database);
    expect(await payloads.read(payloadId)).toBe(body);
    expect(await payloads.read(randomUUID())).toBeNull();
  });

  it('joins the parts of a payload in order', async () => {
    const rest = Array.from({ length: 12 }, (_, index) => `,${index}`);
    const payloadId = await put('[-1', 0, [...rest, ']']);
    await put('[other', 0, [']']);
    expect(await createPayloadStore(database).read(payloadId)).toBe(`[-1${rest.join('')}]`);
  });

  it('removes only expired payloads, at most 16 per call', async () => {
    const payloads = createPayloadStore(database);
    for (let index = 0; index < 17; index += 1) await put('[]', 1_000 + index);
    const kept = await put('[]', 2_000);
    expect(await payloads.removeExpired(1_000)).toBe(0);
    expect(await payloads.removeExpired(2_000)).toBe(16);
    expect(await payloads.removeExpired(2_000)).toBe(1);
    expect(await payloads.removeExpired(2_000)).toBe(0);
    expect(await payloads.read(kept)).toBe('[]');
  });

  it('removes the parts of expired payloads, each payload in one transaction', async () => {
    await put('[', 1_000, [',', ']']);
    await put('[', 1_000, [']']);
    const kept = await put('[', 2_000, [']']);
    const failing: Database = {
      ...database,
      transaction: (work) =>
        database.transaction((transaction) =>
          work({
            async query(sql, values) {
              if (sql.includes('DELETE FROM sync.payloads')) throw new Error('the power is gone');
              return transaction.query(sql, values);
            },
          }),
        ),
    };
    await expect(createPayloadStore(failing).removeExpired(2_000)).rejects.toThrow('the power is gone');
    expect(await countParts()).toBe(4);
    expect(await createPayloadStore(database).removeExpired(2_000)).toBe(2);
    expect([await countParts(), await createPayloadStore(database).read(kept)]).toEqual([1, '[]']);
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
