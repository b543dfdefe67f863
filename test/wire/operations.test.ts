import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { API_OPERATIONS } from '../../lib/wire/api-model.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { askSigned } from '../fixtures/wire/signing.ts';

let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud.close());

describe('the operations of the SDK', () => {
  it.each(API_OPERATIONS.map((operation) => [operation.name, operation] as const))(
    '%s is served',
    async (_, { method, path }) => {
      // No label may be "!", so an operation with labels rejects it by name.
      const parts = path.map((part) => ('word' in part ? part.word : '!'));
      const response = await askSigned(cloud.url, method, `/${parts.join('/')}`);
      expect(response.status).toBe(path.some((part) => 'label' in part) ? 400 : 200);
      const code = response.headers.get('x-amzn-ErrorType');
      expect(code).toBe(response.status === 200 ? null : 'InvalidParameterException:');
    },
  );
});
