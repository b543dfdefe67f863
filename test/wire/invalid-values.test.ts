import { type CognitoSyncClientConfig, ListRecordsCommand } from '@aws-sdk/client-cognito-sync';
import { describe, expect, it } from 'vitest';
import {
  createUnsignedClient,
  type RefusedOperation,
  refusedQuery,
  refusedTo,
} from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import {
  createInterceptedClient,
  createRudeClient,
  createSyncClient,
  invalidParameter,
  list,
  newIdentity,
  refusalOf,
} from '../fixtures/wire/sync-client.ts';

// All operations share the verifier and the decoder. ListRecords has every kind of path and query member, so it is
// tested with all values. The test file of each other operation uses one invalid value, to show that the operation
// also verifies and decodes.

const { cloud, client } = await openSharedCloud();
const operation: RefusedOperation = {
  url: () => cloud.url,
  send: (sender, dataset) => sender.send(new ListRecordsCommand(dataset)),
};

/** The SDK also accepts `signingName`, which its type omits. */
type SigningConfig = CognitoSyncClientConfig & { signingName?: string };

describe('a signature', () => {
  it.each<[fault: string, options: SigningConfig, name: string]>([
    [
      'with another secret',
      { credentials: { accessKeyId: 'local', secretAccessKey: 'guess' } },
      'InvalidSignatureException',
    ],
    [
      'with an unknown access key',
      { credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'local' } },
      'UnrecognizedClientException',
    ],
    ['for another region', { region: 'eu-west-1' }, 'InvalidSignatureException'],
    ['for another service', { signingName: 'kinesis' }, 'InvalidSignatureException'],
  ])('%s is rejected', async (_, options, name) => {
    const refused = await refusedTo(createSyncClient(cloud.url, options), operation.send);
    expect(refused).toMatchObject({ name, status: 403, message: expect.stringMatching(/./) });
  });

  it('is required', async () => {
    expect(await refusedTo(createUnsignedClient(cloud.url), operation.send)).toMatchObject({
      name: 'MissingAuthenticationTokenException',
      status: 403,
    });
  });

  it.each<[part: string, change: Parameters<typeof createInterceptedClient>[1]]>([
    [
      'path',
      (request) => {
        request.path = request.path.replace(/(?<=\/identities\/)[^/]+/, 'us-east-1%3A0');
      },
    ],
    [
      'query',
      (request) => {
        request.query = { ...request.query, nextToken: 'other' };
      },
    ],
  ])('is rejected if the %s was changed after signing', async (_, change) => {
    const refused = await refusedTo(createInterceptedClient(cloud.url, change), operation.send);
    expect(refused).toMatchObject({ name: 'InvalidSignatureException', status: 403 });
  });
});

const BAD_IDS: string[] = [
  'INVALID',
  'A:B:C',
  'us-east-1:ABCDEF',
  ':0',
  'us-east-1:',
  'us-east-1:0 ',
  'us-east-1:0\n',
  'us-east-1:0\0',
  'ü:0',
  'us-east-1:0/identities',
  '../us-east-1:0',
  '..',
  'us-east-1%3A0',
  "us-east-1:0';--",
  `us-east-1:${'0'.repeat(46)}`,
];
const BAD_NAMES: string[] = [
  'a/b',
  'a b',
  'ü',
  '%2F',
  'game\0',
  'game\n',
  '*',
  '.',
  '..',
  '../game',
  "game';--",
  'n'.repeat(129),
];
/** Path parts that the SDK does not send. */
const UNSENDABLE: [fault: string, encoded: string][] = [
  ['empty', ''],
  ['with a lone surrogate', 'us-east-1%3A0%ED%A0%80'],
  ['not UTF-8', 'us-east-1%3A0%FF'],
  ['encoded twice', 'us-east-1%253A0%2500'],
];

describe.each([
  { member: 'IdentityPoolId', before: '/identitypools/', values: BAD_IDS },
  { member: 'IdentityId', before: '/identities/', values: BAD_IDS },
  { member: 'DatasetName', before: '/datasets/', values: BAD_NAMES },
])('a request with an invalid $member gets an error that names the member:', ({ member, before, values }) => {
  const refused = invalidParameter(`'${member.charAt(0).toLowerCase()}${member.slice(1)}'`);

  it.each(values)('%j', async (value) => {
    const sender = createSyncClient(cloud.url);
    expect(await refusedTo(sender, operation.send, { [member]: value })).toEqual(refused);
  });

  it.each(UNSENDABLE)('%s', async (_, encoded) => {
    const sender = createRudeClient(cloud.url, (request) => {
      const start = request.path.indexOf(before) + before.length;
      request.path = request.path.slice(0, start) + request.path.slice(start).replace(/^[^/]*/, encoded);
    });
    expect(await refusedTo(sender, operation.send)).toEqual(refused);
  });
});

describe('a request with an invalid LastSyncCount or MaxResults gets an error that names the member:', () => {
  it.each([-1, -0.5, 1.5, 2 ** 53, 1e21, Number.NaN, Number.POSITIVE_INFINITY])('%d', async (number) => {
    const counts = { lastSyncCount: { LastSyncCount: number }, maxResults: { MaxResults: number } };
    for (const [name, options] of Object.entries(counts)) {
      expect(await refusalOf(list(client, newIdentity(), 'game', options))).toEqual(
        invalidParameter(`'${name}'`),
      );
    }
  });

  it.each([0, 1_025, 2 ** 31])('a MaxResults of %d', async (MaxResults) => {
    const refused = list(client, newIdentity(), 'game', { MaxResults });
    expect(await refusalOf(refused)).toEqual(invalidParameter("'maxResults'"));
  });

  it.each([
    'many',
    '',
    ' 1',
    '+1',
    '1.5',
    '1e3',
    '0x10',
    'NaN',
    'Infinity',
    'true',
    '١',
    '-1',
    '9007199254740993',
    '99999999999999999999999',
  ])('the string %j', async (text) => {
    for (const name of ['lastSyncCount', 'maxResults']) {
      expect(await refusedQuery(operation, name, text)).toEqual(invalidParameter(`'${name}'`));
    }
  });
});

it.each(['lastSyncCount', 'maxResults', 'nextToken', 'syncSessionToken'])(
  'a request with %s twice is rejected',
  async (name) => {
    expect(await refusedQuery(operation, name, ['1', '2'])).toEqual(invalidParameter(`'${name}'`));
  },
);
