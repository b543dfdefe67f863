import { describe, expect, it } from 'vitest';
import type { RecordPatch } from '../../../lib/sync/model.ts';
import { readEvent } from '../../../lib/wire/lambda/read-event.ts';
import { writeResult } from '../../../lib/wire/lambda/write-result.ts';
import { createSourceAddresses } from '../../../lib/wire/source-address.ts';
import { createSyncApi } from '../../../lib/wire/sync-api.ts';
import { functionUrlEvent, loadBalancerEvent, type SentRequest } from '../../fixtures/aws/lambda-events.ts';
import { trustAll } from '../../fixtures/wire/signing.ts';
import { GAME, stubSyncApi } from '../../fixtures/wire/stub-sync-api.ts';

const TARGET = `/identitypools/${encodeURIComponent(GAME.IdentityPoolId)}/identities/${encodeURIComponent(GAME.IdentityId)}/datasets/game`;
const direct = createSourceAddresses([]);

/** Answers an event with an operation that writes every patch, and counts its calls. */
async function update(toEvent: (sent: SentRequest) => unknown, patches: readonly Partial<RecordPatch>[]) {
  let calls = 0;
  const answer = createSyncApi({
    operations: {
      ...stubSyncApi().recorded.operations,
      async UpdateRecords({ RecordPatches = [] }) {
        calls += 1;
        const written = RecordPatches.map(({ Key, Value = null }) => ({
          Key,
          Value,
          SyncCount: Number.MAX_SAFE_INTEGER,
          LastModifiedDate: Date.UTC(2026, 0, 1, 0, 0, 0, 123),
          LastModifiedBy: 'us-east-1:00000000-0000-4000-8000-000000000001',
          DeviceLastModifiedDate: Date.UTC(2026, 0, 1, 0, 0, 0, 123),
        }));
        return { Records: written };
      },
    },
    verify: trustAll,
    requestId: () => 'request-1',
    logger: { error: () => undefined },
  });
  const body = Buffer.from(JSON.stringify({ SyncSessionToken: 'token', RecordPatches: patches }));
  const headers = [['content-type', 'application/json']] as const;
  const { request, entryPoint } = readEvent(
    toEvent({ method: 'POST', target: TARGET, headers, body }),
    direct,
  );
  return { result: await writeResult(await answer(request), entryPoint), calls };
}

const set = (Key: string, Value: string) => ({ Op: 'replace' as const, Key, Value, SyncCount: 0 });
const small = (count: number, value = '') =>
  Array.from({ length: count }, (_, index) => set(`k${index}`, value));

describe('an update whose response would be too large for its entry point', () => {
  it.each([
    ['quotes, which take four bytes in the result', [set('a', '"'.repeat(300_000))]],
    ['many small records', small(2_500, '"'.repeat(60))],
  ])('is rejected before it changes anything: %s', async (_, patches) => {
    const { result, calls } = await update(loadBalancerEvent, patches);
    expect(calls).toBe(0);
    expect(result.statusCode).toBe(413);
    expect(JSON.parse(result.body)).toEqual({
      __type: 'RequestEntityTooLarge',
      message: expect.stringMatching(/nothing was changed; send the changes in several calls$/),
    });
    expect((await update(functionUrlEvent, patches)).result.statusCode).toBe(200);
  });

  it.each([
    ['text', [set('a', 'x'.repeat(950_000))]],
    ['quotes', [set('a', '"'.repeat(240_000))]],
    ['control characters', [set('a', '\u0001'.repeat(130_000))]],
    ['characters of three bytes', [set('a', '€'.repeat(320_000))]],
    ['many small records', small(2_500)],
    ['no patches', []],
  ])('is distinguished from an update whose response fits, which is carried out: %s', async (_, patches) => {
    const { result, calls } = await update(loadBalancerEvent, patches);
    expect(calls).toBe(1);
    expect(result.statusCode).toBe(200);
    expect(JSON.parse(result.body).Records).toHaveLength(patches.length);
  });
});
