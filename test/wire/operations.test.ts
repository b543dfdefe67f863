import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalCloud, startLocalCloud } from '../../infra/local/start-local-cloud.ts';
import { API_OPERATIONS } from '../../lib/wire/api-model.ts';
import { askSigned } from '../fixtures/signing.ts';

/** Not served yet; docs/operations.md says so. */
const COMING = ['RegisterDevice', 'SubscribeToDataset', 'UnsubscribeFromDataset'];

let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startLocalCloud();
});
afterAll(() => cloud.close());

describe('every operation that the SDK ships', () => {
  it.each(API_OPERATIONS.map((operation) => [operation.name, operation] as const))(
    '%s is served, or named as coming',
    async (name, { method, path }) => {
      // None of these labels can be one: an operation that is served says which is wrong.
      const parts = path.map((part) => ('word' in part ? part.word : '!'));
      const answer = await askSigned(cloud.url, method, `/${parts.join('/')}`);
      const isServed = answer.headers.get('x-amzn-ErrorType') !== 'NotImplementedException:';
      expect(isServed).toBe(!COMING.includes(name));
      if (isServed) expect(answer.status).toBe(path.some((part) => 'label' in part) ? 400 : 200);
    },
  );

  it('is there under each name that is coming', () => {
    const names = API_OPERATIONS.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(COMING));
  });
});
