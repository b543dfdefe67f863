import { describe, expect, it } from 'vitest';
import {
  checkParameters,
  type DeploymentParameters,
} from '../../../infra/stack/parameters/check-parameters.ts';
import { SetupError } from '../../../lib/common/errors.ts';

const STREAM = 'arn:aws:kinesis:us-east-1:123456789012:stream/old';
const POOL = 'us-east-1:11111111-2222-4333-8444-555555555555';
const AMAZON = { originStreamArn: STREAM, originPools: POOL };
const OTHER = { originStreamArn: STREAM, originEndpoint: 'https://a.example.com', originKeysSecret: 'keys' };
const SERVICE = { database: 'dsql', service: 'on' };

const check = (given: Partial<DeploymentParameters>) =>
  checkParameters({ ...SERVICE, ...given }, { stage: 'prod', region: 'us-east-1' });

function problemsOf(given: Partial<DeploymentParameters>): string[] {
  try {
    check(given);
    return [];
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return error.message.split('\n').slice(1);
  }
}

describe('the parameters of a migration', () => {
  it('add nothing to the stack by default', () => {
    expect(check({})).toMatchObject({ origin: 'no', originIsAmazon: 'no', readsOriginKeys: 'no' });
    expect(check({}).serviceRoles).not.toContainEqual({ Ref: 'FollowOriginRole' });
  });

  it('name the pools of Amazon; the IAM policies allow only these pools', () => {
    const deployment = check(AMAZON);
    expect(deployment).toMatchObject({ origin: 'yes', originIsAmazon: 'yes', originStreamName: 'old' });
    expect(deployment.originDataArns).toEqual([
      {
        'Fn::Sub': `arn:\${AWS::Partition}:cognito-sync:\${AWS::Region}:\${AWS::AccountId}:identitypool/${POOL}/identity/*`,
      },
    ]);
    expect(deployment.serviceRoles).toContainEqual({ Ref: 'BridgeOriginRole' });
  });

  it('name the address and the keys of another service', () => {
    expect(check({ ...OTHER, originRate: '50' })).toMatchObject({
      origin: 'yes',
      originIsAmazon: 'no',
      readsOriginKeys: 'yes',
      originEndpoint: 'https://a.example.com',
    });
  });

  it.each<[string, Partial<DeploymentParameters>, RegExp]>([
    ['a pool without a stream', { originPools: POOL }, /^originPools: given without originStreamArn/],
    ['no service', { ...AMAZON, service: '' }, /^originStreamArn: given without service=on/],
    ['no ARN', { ...AMAZON, originStreamArn: 'old' }, /^originStreamArn: "old" is not the ARN of a Kinesis/],
    [
      'a stream in another region',
      { ...AMAZON, originStreamArn: STREAM.replace('us-east-1', 'eu-west-1') },
      /^originStreamArn: the stream is in eu-west-1, but the stack is in us-east-1/,
    ],
    [
      "the stack's own stream",
      { ...AMAZON, originStreamArn: `${STREAM.slice(0, -3)}cognito-sync-prod` },
      /itself/,
    ],
    [
      'the stream of the service',
      { ...AMAZON, streamArn: STREAM },
      /^originStreamArn: the service publishes/,
    ],
    ['no pools', { originStreamArn: STREAM }, /^originPools: missing/],
    [
      'an invalid pool',
      { ...AMAZON, originPools: 'pool' },
      /^originPools: .*"pool" is not an identity pool id/,
    ],
    [
      'too many pools',
      {
        ...AMAZON,
        originPools: Array.from({ length: 11 }, (_, index) => POOL.slice(0, -2) + (index + 10)).join(','),
      },
      /^originPools: 11 pools given, but one stack can migrate at most 10/,
    ],
    [
      'keys for Amazon',
      { ...AMAZON, originKeysSecret: 'keys' },
      /^originKeysSecret: given without originEndpoint/,
    ],
    ['no keys', { ...OTHER, originKeysSecret: '' }, /^originKeysSecret: missing/],
    ['pools of another service', { ...OTHER, originPools: POOL }, /^originPools: has no effect/],
    [
      'an address without TLS',
      { ...OTHER, originEndpoint: 'http://a.example.com' },
      /^originEndpoint: use the https/,
    ],
    ['an address with a path', { ...OTHER, originEndpoint: 'https://a.example.com/x' }, /^originEndpoint: /],
    ['an invalid rate', { ...AMAZON, originRate: '0' }, /^originRate: /],
    [
      'an invalid key',
      { ...AMAZON, originStreamKey: 'key' },
      /^originStreamKey: "key" is not the ARN of a KMS key/,
    ],
    ['a key without a secret', { ...OTHER, originKeysSecretKey: 'key' }, /^originKeysSecretKey: /],
  ])('are rejected with %s', (_, given, problem) => {
    expect(problemsOf(given)).toEqual([expect.stringMatching(problem)]);
  });

  it('are rejected without quoting a secret', () => {
    const problems = problemsOf({ ...OTHER, originKeysSecret: '{"developers":"hunter2"}' });
    expect(problems).toEqual([expect.stringMatching(/^originKeysSecret: it is not the name or ARN/)]);
  });
});
