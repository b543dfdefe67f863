import { createServer } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { awaitProjection } from '../../../infra/cli/commands/seed/await-projection.ts';
import { listen } from '../../fixtures/aws/kinesis-emulator.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';

describe('awaitProjection', () => {
  const identityIds = ['us-east-1:a', 'us-east-1:b'];
  const page = (ids: string[], next: string | null = null) =>
    JSON.stringify({ items: ids.map((identityId) => ({ identityId })), next });
  /** The answers of the query API, in order. The last one repeats. */
  let answers: { status: number; body: string }[];
  const server = createServer((_request, response) => {
    const { status, body } = (answers.length > 1 ? answers.shift() : answers[0]) ?? { status: 404, body: '' };
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  });
  let url: string;
  beforeAll(async () => {
    url = await listen(server);
  });
  afterAll(() => server.close());
  beforeEach(() => {
    answers = [];
  });

  const wait = (patienceMs = 300) => {
    const done: number[] = [];
    const onProgress = (count: number) => done.push(count);
    return awaitProjection({ url, identityPoolId: POOL, identityIds, onProgress, patienceMs });
  };

  it.each([429, 500, 503])('reads again after status %i, also in the middle of the pages', async (status) => {
    const busy = { status, body: '{"message":"busy"}' };
    answers = [
      busy,
      { status: 200, body: page(['us-east-1:a'], 'cursor') },
      busy,
      { status: 200, body: page(['us-east-1:a'], 'cursor') },
      { status: 200, body: page(['us-east-1:b']) },
    ];
    expect(await wait(10_000)).toBe(0);
  });

  it('returns the number of missing identities if no more appear', async () => {
    answers = [{ status: 200, body: page(['us-east-1:a']) }];
    expect(await wait()).toBe(1);
  });

  it.each([
    [404, '{"message":"not found"}'],
    [403, '{"Message":null}'],
    [200, '<html>'],
  ])('returns null if there is no query API (status %i, body %s)', async (status, body) => {
    answers = [{ status, body }];
    expect(await wait()).toBeNull();
  });

  it('fails if the query API stays busy or does not answer', async () => {
    answers = [{ status: 503, body: '' }];
    await expect(wait()).rejects.toThrow(`the query API at ${url} answered with status 503`);
    const silent = { url: 'http://127.0.0.1:1', identityPoolId: POOL, identityIds, patienceMs: 300 };
    await expect(awaitProjection({ ...silent, onProgress: () => undefined })).rejects.toThrow(
      'does not answer',
    );
  });
});
