import { describe, expect, it } from 'vitest';
import { brokenConstraints, isSecret, SYNC_CONSTRAINTS } from '../../../lib/wire/constraints.ts';

const TOO_SHORT = expect.stringContaining('length greater than or equal to');
const TOO_LONG = expect.stringContaining('length less than or equal to');
const PATTERN = expect.stringContaining('regular expression pattern');
const ENUM = expect.stringContaining('enum value set');
const TOO_LOW = expect.stringContaining('value greater than or equal to');
const TOO_HIGH = expect.stringContaining('value less than or equal to');

describe('a member satisfies its constraints', () => {
  it.each<[string, string | number | object]>([
    ['IdentityPoolId', 'us-east-1:00000000-0000-4000-8000-000000000001'],
    ['IdentityPoolId', `eu:${'f'.repeat(52)}`],
    ['IdentityId', 'a_b:0'],
    ['IdentityId', `eu:${'f'.repeat(52)}`],
    ['DatasetName', 'a'],
    ['DatasetName', 'Game_1.2:x-y'],
    ['DatasetName', '...'],
    ['DatasetName', '.a'],
    ['DatasetName', 'x'.repeat(128)],
    // A merge of identities names a copy like this: the dataset's name, a dot and an identity id.
    ['DatasetName', `${'x'.repeat(128)}.eu:${'f'.repeat(52)}`],
    ['DatasetName', `${'.'.repeat(128)}.a_b:0`],
    ['DeviceId', 'd'.repeat(256)],
    ['DeviceId', '...'],
    ['DeviceId', '00000000-0000-4000-8000-000000000001'],
    ['Key', ' '],
    ['Key', '漢'.repeat(1024)],
    ['Key', '\u{1f600}'.repeat(1024)],
    ['Value', ''],
    ['Value', 'x'.repeat(1_048_575)],
    ['Op', 'replace'],
    ['Op', 'remove'],
    ['SyncCount', 0],
    ['LastSyncCount', Number.MAX_SAFE_INTEGER],
    ['MaxResults', 1],
    ['MaxResults', 1024],
    ['SyncSessionToken', ''],
    ['NextToken', 'anything at all'],
    ['Token', 'x'.repeat(5000)],
    ['Platform', 'APNS_SANDBOX'],
    ['Events', { SyncTrigger: 'arn' }],
    ['Events', {}],
    ['Events', { SyncTrigger: '' }],
    ['StreamName', 's'],
    ['StreamName', 's'.repeat(128)],
    ['StreamName', 'a.B_9-'],
    ['StreamingStatus', 'ENABLED'],
    ['StreamingStatus', 'DISABLED'],
    ['RoleArn', 'arn:aws:iam::1:role/'],
    ['RoleArn', `arn:aws:iam::1:role/${'x'.repeat(2028)}`],
    ['RoleArn', 'arn:aws:iam::000000000000:role/any/path'],
    ['ApplicationArns', 'arn:aws:sns:us-east-1:000000000000:app/APNS_SANDBOX/my.app-1'],
    ['Unconstrained', 'x'],
    ['constructor', 'x'],
  ])('%s', (member, value) => {
    expect(brokenConstraints(SYNC_CONSTRAINTS, member, value)).toEqual([]);
  });
});

describe('a member violates its constraints', () => {
  it.each<[string, string | number | object, unknown[]]>([
    ['IdentityPoolId', '', [TOO_SHORT, PATTERN]],
    ['IdentityPoolId', `eu:${'f'.repeat(53)}`, [TOO_LONG]],
    ['IdentityPoolId', 'INVALID', [PATTERN]],
    ['IdentityId', 'A:B:C', [PATTERN]],
    ['IdentityId', 'us-east-1:ABC', [PATTERN]],
    ['IdentityId', 'us-east-1:abc\n', [PATTERN]],
    ['IdentityId', `eu:${'f'.repeat(53)}`, [TOO_LONG]],
    ['IdentityId', '..', [PATTERN]],
    ['DatasetName', '', [TOO_SHORT, PATTERN]],
    ['DatasetName', 'x'.repeat(129), [TOO_LONG]],
    ['DatasetName', `${'x'.repeat(129)}.eu:f`, [TOO_LONG]],
    ['DatasetName', `${'x'.repeat(128)}.eu:${'f'.repeat(53)}`, [TOO_LONG]],
    ['DatasetName', `${'x'.repeat(128)}.eu:g`, [TOO_LONG]],
    ['DatasetName', `${'x'.repeat(128)}eu:f`, [TOO_LONG]],
    ['DatasetName', 'a/b', [PATTERN]],
    ['DatasetName', 'a%2Fb', [PATTERN]],
    ['DatasetName', 'ä', [PATTERN]],
    ['DatasetName', '.', [PATTERN]],
    ['DatasetName', '..', [PATTERN]],
    ['DatasetName', 'a\n', [PATTERN]],
    ['DeviceId', '', [TOO_SHORT, PATTERN]],
    ['DeviceId', 'a/b', [PATTERN]],
    ['DeviceId', '.', [PATTERN]],
    ['DeviceId', '..', [PATTERN]],
    ['DeviceId', 'é', [PATTERN]],
    ['DeviceId', 'x'.repeat(257), [TOO_LONG]],
    ['Key', '', [TOO_SHORT]],
    ['Key', 'x'.repeat(1025), [TOO_LONG]],
    ['Key', '\u{1f600}'.repeat(1025), [TOO_LONG]],
    ['Value', 'x'.repeat(1_048_576), [TOO_LONG]],
    ['Op', 'REPLACE', [ENUM]],
    ['Op', '', [ENUM]],
    ['SyncCount', -1, [TOO_LOW]],
    ['LastSyncCount', 2 ** 53, [TOO_HIGH]],
    ['MaxResults', 0, [TOO_LOW]],
    ['MaxResults', 1025, [TOO_HIGH]],
    ['Platform', 'apns', [ENUM]],
    ['Events', { SyncTrigger: 'arn', Other: 'arn' }, [TOO_LONG]],
    ['StreamName', '', [TOO_SHORT, PATTERN]],
    ['StreamName', 'x'.repeat(129), [TOO_LONG]],
    ['StreamingStatus', 'ON', [ENUM]],
    ['StreamingStatus', 'enabled', [ENUM]],
    ['RoleArn', 'arn:aws:iam::1:role', [TOO_SHORT, PATTERN]],
    ['RoleArn', `arn:aws:iam::1:role/${'x'.repeat(2029)}`, [TOO_LONG]],
    ['StreamName', '\u{1f600}'.repeat(129), [TOO_LONG, PATTERN]],
    ['StreamName', 'a b', [PATTERN]],
    ['StreamName', 'a:b', [PATTERN]],
    ['StreamName', 'a\n', [PATTERN]],
    ['ApplicationArns', 'arn:aws:sns:us-east-1:0:topic', [PATTERN]],
    ['ApplicationArns', 'arn:aws:sns:us-east-1:0:app/apns/a', [PATTERN]],
  ])('%s', (member, value, violations) => {
    expect(brokenConstraints(SYNC_CONSTRAINTS, member, value)).toEqual(violations);
  });
});

it('a violation is described in the words of AWS', () => {
  expect(brokenConstraints(SYNC_CONSTRAINTS, 'Op', 'add')).toEqual([
    'Member must satisfy enum value set: [replace, remove]',
  ]);
  expect(brokenConstraints(SYNC_CONSTRAINTS, 'MaxResults', 0)).toEqual([
    'Member must have value greater than or equal to 1',
  ]);
  expect(brokenConstraints(SYNC_CONSTRAINTS, 'IdentityId', 'A:B:C')).toEqual([
    'Member must satisfy regular expression pattern: [\\w-]+:[0-9a-f-]+',
  ]);
});

it('isSecret is true for values of records and all tokens, but not for keys and names of datasets', () => {
  const secret = ['Value', 'SyncSessionToken', 'NextToken', 'Token', 'Key', 'DatasetName'].filter((member) =>
    isSecret(SYNC_CONSTRAINTS, member),
  );
  expect(secret).toEqual(['Value', 'SyncSessionToken', 'NextToken', 'Token']);
});
