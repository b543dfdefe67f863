import { expect, it } from 'vitest';
import { readClientConfig } from '../../../infra/cli/client-config.ts';

it.each([
  ['http://127.0.0.1:4580', 'http://127.0.0.1:4580'],
  ['http://127.0.0.1:4580/', 'http://127.0.0.1:4580'],
  ['https://example.com/sync//', 'https://example.com/sync'],
  ['', 'http://127.0.0.1:4580'],
])('reads AWS_ENDPOINT_URL "%s" without slashes at its end', (given, url) => {
  expect(readClientConfig({ AWS_ENDPOINT_URL: given }).url).toBe(url);
});

it('rejects an AWS_ENDPOINT_URL that is not a URL', () => {
  expect(() => readClientConfig({ AWS_ENDPOINT_URL: '127.0.0.1:4580' })).toThrow(
    'AWS_ENDPOINT_URL is not an HTTP or HTTPS URL; use, for example, http://127.0.0.1:4580',
  );
});
