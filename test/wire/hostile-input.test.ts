import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { API_OPERATIONS } from '../../lib/wire/api-model.ts';
import { GAME, stubSyncApi } from '../fixtures/wire/stub-sync-api.ts';

const { recorded, logged, trusting, guarded } = stubSyncApi();
const IDENTITY = '/identitypools/us-east-1%3A0000/identities/us-east-1%3A0001';
const DATASET_PATH = `${IDENTITY}/datasets/game`;

describe('generated requests', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 });
  const suspicious = fc.constantFrom(
    '',
    '.',
    '..',
    '%2F',
    '%2e%2e',
    '%',
    '%ff',
    '%00',
    'us-east-1%3A0001',
    'game',
    'records',
    'datasets',
    'identities',
  );
  const part = fc.oneof(suspicious, text.map(encodeURIComponent), fc.string({ maxLength: 20 }));
  const query = fc.oneof(
    fc.constant(''),
    fc
      .tuple(fc.constantFrom('lastSyncCount', 'maxResults', 'nextToken', 'syncSessionToken', '%'), part)
      .map(([name, value]) => `?${name}=${value}`),
    fc.string().map((value) => `?${value}`),
  );
  const target = fc.oneof(
    fc.string(),
    fc
      .tuple(fc.array(part, { maxLength: 9 }), query)
      .map(([parts, rest]) => `/identitypools/${parts.join('/')}${rest}`),
    fc
      .tuple(part, fc.constantFrom('', '/records'), query)
      .map(([name, rest, search]) => `${IDENTITY}/datasets/${name}${rest}${search}`),
    fc.constant(DATASET_PATH),
  );
  /** Generates any UTF-16 code units: characters, lone surrogates and NUL. */
  const units = fc
    .array(fc.nat({ max: 0xffff }), { maxLength: 5 })
    .map((codes) => String.fromCharCode(...codes));
  const invalid = fc.oneof(fc.jsonValue(), units);
  /** Generates mostly valid values, so that the decoder also reaches invalid values of later members. */
  const mostly = (valid: fc.Arbitrary<unknown>) =>
    fc.oneof({ arbitrary: valid, weight: 9 }, { arbitrary: invalid, weight: 1 });
  const patch = fc.record(
    {
      Op: mostly(fc.constantFrom('replace', 'remove')),
      Key: mostly(fc.string({ unit: 'binary', minLength: 1 })),
      SyncCount: mostly(fc.oneof(fc.nat(), fc.double())),
      Value: mostly(text),
      DeviceLastModifiedDate: mostly(fc.oneof(fc.double(), fc.nat(), text)),
    },
    { requiredKeys: ['Op', 'Key', 'SyncCount'] },
  );
  const update = fc
    .record(
      { SyncSessionToken: mostly(text), RecordPatches: mostly(fc.array(mostly(patch), { maxLength: 3 })) },
      { requiredKeys: [] },
    )
    .map((value) => Buffer.from(JSON.stringify(value)));
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
    update,
  );
  const method = fc.oneof(fc.constantFrom('GET', 'POST', 'DELETE', 'HEAD', 'PUT'), fc.string());
  const headers = fc.dictionary(
    fc.oneof(
      fc.constantFrom(
        'authorization',
        'x-amz-date',
        'x-amz-client-context',
        'x-http-method-override',
        'host',
      ),
      fc.string(),
    ),
    fc.oneof(
      fc.string(),
      fc.constant('DELETE'),
      fc.constant(
        'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/cognito-sync/aws4_request, SignedHeaders=host;x-http-method-override, Signature=00',
      ),
    ),
  );
  const members = fc.dictionary(
    fc.constantFrom(
      'IdentityPoolId',
      'IdentityId',
      'DatasetName',
      'MaxResults',
      'SyncSessionToken',
      'RecordPatches',
      'Operation',
      'Input',
    ),
    fc.oneof(fc.constantFrom('us-east-1:0000', 'game', '3'), fc.array(patch, { maxLength: 2 }), invalid),
  );
  const inputs = members.map((given) => ({ ...GAME, ...given }));
  const names = API_OPERATIONS.filter(({ input }) => input.members.some(({ name }) => name === 'IdentityId'));
  /** Generates requests in the RPC form, plain or in an envelope. */
  const rpc = fc.record({
    method: fc.constant('POST'),
    target: fc.constantFrom('/', '/?', '/?Action=x', '//'),
    headers: fc
      .oneof(fc.constantFrom(...names.map(({ name }) => name)), fc.string())
      .map((name) => ({ 'x-amz-target': `com.amazonaws.cognito.sync.model.AWSCognitoSyncService.${name}` })),
    body: fc
      .oneof(
        inputs,
        inputs.map((Input) => ({ Input })),
        fc.jsonValue().map((Input) => ({ Input })),
      )
      .map((value) => Buffer.from(JSON.stringify(value))),
  });
  const request = fc.oneof(
    rpc,
    fc.record({ method, target, headers, body }),
    fc.record({ method: fc.constant('POST'), target: fc.constant(DATASET_PATH), headers, body: update }),
    fc.record({
      method: fc.constant('GET'),
      target: query.map((search) => `${DATASET_PATH}/records${search}`),
      headers,
      body,
    }),
  );

  it('are decoded to a valid input or rejected with an error of the API', async () => {
    await fc.assert(
      fc.asyncProperty(request, async (generated) => {
        recorded.clear();
        const { status, headers: sent, body: response } = await trusting(generated);
        expect(logged).toEqual([]);
        if (status === 200) return recorded.calls.forEach(expectValid);
        expect(recorded.calls).toEqual([]);
        expect([400, 404, 501]).toContain(status);
        const { __type: code, message } = JSON.parse(String(response));
        expect(sent).toContainEqual(['x-amzn-ErrorType', `${code}:`]);
        expect(message).toMatch(/./);
      }),
      { numRuns: 3_000 },
    );
  });

  it('are rejected if they are not signed', async () => {
    await fc.assert(
      fc.asyncProperty(request, async (generated) => {
        recorded.clear();
        expect([403, 404]).toContain((await guarded(generated)).status);
        expect([...logged, ...recorded.calls]).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  function expectValid({ input }: { input: unknown }): void {
    expect(input).toMatchObject({
      IdentityPoolId: expect.stringMatching(/^[\w-]+:[0-9a-f-]{1,54}$/),
      IdentityId: expect.stringMatching(/^[\w-]+:[0-9a-f-]{1,54}$/),
    });
    walk(input, (value) => {
      if (typeof value === 'string') expect(value.isWellFormed() && !value.includes('\0')).toBe(true);
      if (typeof value === 'number') expect(Number.isSafeInteger(value)).toBe(true);
    });
  }

  function walk(value: unknown, visit: (leaf: unknown) => void): void {
    if (typeof value !== 'object' || value === null) visit(value);
    else for (const inner of Object.values(value)) walk(inner, visit);
  }
});
