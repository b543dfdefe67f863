import { describe, expect, it } from 'vitest';
import { checkParameters, type DeploymentParameters, deployment } from '../../infra/parameters.ts';
import { SetupError } from '../../lib/errors.ts';
import { POOL } from '../fixtures/stream-events.ts';

const SECRET_URL = 'postgres://user:hunter2@host:5432/database';
const PROD = { stage: 'prod', region: 'us-east-1' };

/** What is wrong with parameters, a line each. */
function mistakes(parameters: Partial<DeploymentParameters>, of = PROD): string[] {
  try {
    checkParameters(parameters, of);
    return [];
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    const [heading, ...lines] = error.message.split('\n');
    expect(heading).toBe('this cannot be deployed:');
    return lines;
  }
}

describe('the parameters of a deployment', () => {
  it('need a database alone', () => {
    expect(checkParameters({ database: 'dsql' }, PROD)).toEqual({
      database: 'dsql',
      databaseUrl: '',
      identityPoolIds: '',
      poolArns: [
        {
          'Fn::Sub': `arn:\${AWS::Partition}:cognito-sync:\${AWS::Region}:\${AWS::AccountId}:identitypool/*`,
        },
      ],
      bulkPublishPolicy: 'off',
      listsPools: 'yes',
      startsBulkPublishes: 'no',
      payloadRegions: '',
      reservedConcurrency: null,
      alarmActions: [],
      tracing: 'no',
      tracingMode: 'PassThrough',
    });
  });

  it('may say everything', () => {
    const alarmTopic = 'arn:aws:sns:us-east-1:123456789012:alarms';
    const all = {
      database: 'url',
      databaseUrl: SECRET_URL,
      identityPools: ` ${POOL} , us-east-1:abc`,
      bulkPublishPolicy: 'every 7 days',
      payloadRegions: 'us-east-1,eu-west-1',
      reservedConcurrency: '20',
      alarmTopic,
      tracing: 'on',
    };
    expect(checkParameters(all, PROD)).toMatchObject({
      databaseUrl: SECRET_URL,
      identityPoolIds: `${POOL},us-east-1:abc`,
      poolArns: [
        { 'Fn::Sub': expect.stringMatching(new RegExp(`:identitypool/${POOL}$`)) },
        { 'Fn::Sub': expect.stringMatching(/:identitypool\/us-east-1:abc$/) },
      ],
      listsPools: 'no',
      startsBulkPublishes: 'yes',
      reservedConcurrency: 20,
      alarmActions: [alarmTopic],
      tracing: 'yes',
      tracingMode: 'Active',
    });
  });

  it.each(['query-store', 'arn:aws:secretsmanager:us-east-1:123456789012:secret:query-store-AbCdEf'])(
    'may name the secret %s, which CloudFormation reads',
    (databaseSecret) => {
      expect(checkParameters({ database: 'url', databaseSecret }, PROD).databaseUrl).toBe(
        `{{resolve:secretsmanager:${databaseSecret}:SecretString}}`,
      );
    },
  );

  it.each<[string, Partial<DeploymentParameters>, RegExp]>([
    ['no database', {}, /^database: it is not given/],
    ['another database', { database: 'mysql' }, /^database: "mysql" is none/],
    ['a database of its own without an address', { database: 'url' }, /^database: .* neither databaseUrl/],
    [
      'both databases',
      { database: 'dsql', databaseUrl: SECRET_URL },
      /^database: it is dsql, and databaseUrl/,
    ],
    ['a cluster and a secret', { database: 'dsql', databaseSecret: 'x' }, /and databaseSecret is given/],
    [
      'two addresses',
      { database: 'url', databaseUrl: SECRET_URL, databaseSecret: 'x' },
      /^databaseSecret: databaseUrl/,
    ],
    [
      'an address of something else',
      { database: 'url', databaseUrl: 'mysql://hunter2@host' },
      /^databaseUrl: /,
    ],
    [
      'a secret that is an address',
      { database: 'url', databaseSecret: SECRET_URL },
      /^databaseSecret: it is not/,
    ],
  ])('are refused with %s, and the parameter is named without a secret', (_, parameters, reason) => {
    const found = mistakes(parameters);
    expect(found).toEqual([expect.stringMatching(reason)]);
    expect(found.join()).not.toContain('hunter2');
  });

  it.each<[string, Partial<DeploymentParameters>, RegExp]>([
    [
      'a pool of another region',
      { identityPools: 'eu-west-1:abc' },
      /^identityPools: .*not in the region us-east-1/,
    ],
    ['something else than a pool', { identityPools: 'my pool' }, /^identityPools: .*not the id/],
    ['a policy that is none', { bulkPublishPolicy: 'daily' }, /^bulkPublishPolicy: .*daily is none/],
    ['a region that is none', { payloadRegions: 'Ireland' }, /^payloadRegions: .*Ireland/],
    ['no concurrency at all', { reservedConcurrency: '0' }, /^reservedConcurrency: "0" is none/],
    [
      'a concurrency that is no number',
      { reservedConcurrency: '1e3' },
      /^reservedConcurrency: "1e3" is none/,
    ],
    ['a topic that is none', { alarmTopic: 'ops@example.com' }, /^alarmTopic: .*not the ARN/],
    [
      'a topic of another region',
      { alarmTopic: 'arn:aws:sns:eu-west-1:123456789012:alarms' },
      /^alarmTopic: it is in eu-west-1, and the stack in us-east-1/,
    ],
    ['half a tracing', { tracing: 'maybe' }, /^tracing: "maybe" is none/],
  ])('are refused with %s, and the parameter is named', (_, parameters, reason) => {
    expect(mistakes({ database: 'dsql', ...parameters })).toEqual([expect.stringMatching(reason)]);
  });

  it.each(['', 'Prod', '1st', 'prod-', 'a_b', 'abcdefghijklmnopqrstu'])(
    'are refused of a stage "%s"',
    (stage) => {
      expect(mistakes({ database: 'dsql' }, { stage, region: 'us-east-1' })).toEqual([
        expect.stringContaining(`stage: "${stage}" is none`),
      ]);
    },
  );

  it('are told all that is wrong at once', () => {
    expect(
      mistakes({ tracing: 'x', bulkPublishPolicy: 'x' }, { stage: 'X', region: 'us-east-1' }),
    ).toHaveLength(4);
  });

  it('are those that serverless.yml resolves, whatever their type there', async () => {
    const values = new Map<string, unknown>([
      ['param:database', 'dsql'],
      ['param:reservedConcurrency', 5],
      ['param:tracing', true],
      ['sls:stage', 'prod'],
      ['self:provider.region', 'us-east-1'],
    ]);
    const resolveVariable = async (variable: string) => values.get(variable) ?? null;
    expect(await deployment({ resolveVariable })).toMatchObject({ reservedConcurrency: 5, tracing: 'yes' });
    values.delete('param:database');
    await expect(deployment({ resolveVariable })).rejects.toThrow(/\ndatabase: it is not given/);
  });
});
