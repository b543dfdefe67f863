import { describe, expect, it } from 'vitest';
import { API_OPERATIONS } from '../../lib/wire/api-model.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import { askSigned } from '../fixtures/wire/signing.ts';

const { cloud } = await openSharedCloud();

describe('the operations of the SDK', () => {
  it.each(API_OPERATIONS.map((operation) => [operation.name, operation] as const))(
    '%s is served',
    async (_, { method, path }) => {
      // The value "!" is invalid for every label, so an operation with labels rejects the request.
      const parts = path.map((part) => ('word' in part ? part.word : '!'));
      const response = await askSigned(cloud.url, method, `/${parts.join('/')}`);
      expect(response.status).toBe(path.some((part) => 'label' in part) ? 400 : 200);
      const code = response.headers.get('x-amzn-ErrorType');
      expect(code).toBe(response.status === 200 ? null : 'InvalidParameterException:');
    },
  );
});
