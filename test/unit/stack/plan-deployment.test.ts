import { describe, expect, it } from 'vitest';
import {
  describePlan,
  importTemplate,
  planDeployment,
  type RetainedResource,
  requireOwnStream,
  type Template,
} from '../../../infra/stack/deployment/plan-deployment.ts';

const PLACE = { accountId: '123456789012', region: 'us-east-1', stackName: 'cognito-sync-backend-prod' };
const PACKAGED: Template = {
  Resources: {
    CognitoStream: {
      Type: 'AWS::Kinesis::Stream',
      DeletionPolicy: 'Retain',
      Properties: { Name: 'cognito-sync-prod' },
    },
    FailuresBucket: { Type: 'AWS::S3::Bucket', DeletionPolicy: 'Retain' },
    FailuresBucketPolicy: {
      Type: 'AWS::S3::BucketPolicy',
      DeletionPolicy: 'Retain',
      Properties: { Bucket: { Ref: 'FailuresBucket' } },
    },
    QueryStoreCluster: { Type: 'AWS::DSQL::Cluster', DeletionPolicy: 'Retain' },
    MigrateLambdaFunction: {
      Type: 'AWS::Lambda::Function',
      Properties: { Code: { S3Key: 'new' }, Timeout: 900, Environment: { Variables: { A: '1', B: '2' } } },
    },
  },
};
const RETAINED: RetainedResource[] = [
  { logicalId: 'CognitoStream', type: 'AWS::Kinesis::Stream', physicalId: 'cognito-sync-prod' },
  { logicalId: 'FailuresBucket', type: 'AWS::S3::Bucket', physicalId: 'failures-1a2b' },
  { logicalId: 'FailuresBucketPolicy', type: 'AWS::S3::BucketPolicy', physicalId: 'prod-policy-XYZ' },
  { logicalId: 'QueryStoreCluster', type: 'AWS::DSQL::Cluster', physicalId: 'abc123' },
  { logicalId: 'OldBucket', type: 'AWS::S3::Bucket', physicalId: 'no-longer-in-the-template' },
];
const NOTHING = { retained: [], fresh: [] };

describe('the plan of a deployment', () => {
  it('creates all resources of a new stack', () => {
    const plan = planDeployment(PACKAGED, null, NOTHING);
    expect(plan).toEqual({
      imports: [],
      creates: Object.keys(PACKAGED.Resources),
      changes: [],
      removes: [],
    });
    expect(describePlan(plan, PACKAGED, PLACE)).toMatch(
      /^Stack cognito-sync-backend-prod in account 123456789012, region us-east-1:\n {2}Creates 5 resources:\n.*1 x AWS::Kinesis::Stream/s,
    );
  });

  it('imports what remained of the removed stack, and creates the rest', () => {
    const plan = planDeployment(PACKAGED, null, { retained: RETAINED, fresh: [] });
    expect(plan.imports.map(({ logicalId, identifier }) => [logicalId, identifier])).toEqual([
      ['CognitoStream', { Name: 'cognito-sync-prod' }],
      ['FailuresBucket', { BucketName: 'failures-1a2b' }],
      ['FailuresBucketPolicy', { Bucket: 'failures-1a2b' }],
      ['QueryStoreCluster', { Identifier: 'abc123' }],
    ]);
    expect(plan.creates).toEqual(['MigrateLambdaFunction']);
    expect(Object.keys(Object(importTemplate(PACKAGED, plan.imports).Resources))).toEqual(
      plan.imports.map(({ logicalId }) => logicalId),
    );
    expect(describePlan(plan, PACKAGED, PLACE)).toContain('QueryStoreCluster (AWS::DSQL::Cluster abc123)');
  });

  it('does not import resources that the operator asked to create again, nor the policy of such a bucket', () => {
    const plan = planDeployment(PACKAGED, null, { retained: RETAINED, fresh: ['FailuresBucket'] });
    expect(plan.imports.map(({ logicalId }) => logicalId)).toEqual(['CognitoStream', 'QueryStoreCluster']);
    expect(plan.creates).toEqual(['FailuresBucket', 'FailuresBucketPolicy', 'MigrateLambdaFunction']);
  });

  it('names changed properties, but no values, and ignores the S3 key of the code and the order of members', () => {
    const { MigrateLambdaFunction: before, ...others } = PACKAGED.Resources;
    const deployed = {
      Resources: {
        ...others,
        MigrateLambdaFunction: {
          Type: 'AWS::Lambda::Function',
          Properties: {
            Environment: { Variables: { B: '2', A: '1' } },
            Code: { S3Key: 'old' },
            Timeout: 300,
          },
        },
        OldAlarm: { Type: 'AWS::CloudWatch::Alarm' },
        OldBucket: { Type: 'AWS::S3::Bucket', DeletionPolicy: 'Retain' },
      },
    };
    const plan = planDeployment(PACKAGED, deployed, { retained: RETAINED, fresh: [] });
    expect(before?.Type).toBe('AWS::Lambda::Function');
    expect(plan).toEqual({
      imports: [],
      creates: [],
      changes: [{ logicalId: 'MigrateLambdaFunction', properties: ['Timeout'] }],
      removes: [
        { logicalId: 'OldAlarm', isKept: false },
        { logicalId: 'OldBucket', isKept: true },
      ],
    });
    const text = describePlan(plan, PACKAGED, PLACE);
    expect(text).toContain('MigrateLambdaFunction: Timeout');
    expect(text).toContain('OldBucket (remains in the account)');
    expect(text).not.toMatch(/300|900/);
  });
});

it('the plan of a deployment says how to keep the poller, which the service leaves out by default', () => {
  const poller = { PollDashbulkDashpublishLambdaFunction: { Type: 'AWS::Lambda::Function' } };
  const deployed = { Resources: { ...PACKAGED.Resources, ...poller } };
  const advice = 'pass --param=poller=on';
  expect(describePlan(planDeployment(PACKAGED, deployed, NOTHING), PACKAGED, PLACE)).toContain(advice);
  expect(describePlan(planDeployment(PACKAGED, PACKAGED, NOTHING), PACKAGED, PLACE)).not.toContain(advice);
});

describe('the stream of a deployment with the service', () => {
  const template = (owner: string, service = true): Template => ({
    Parameters: { CognitoStream: { Default: `arn:aws:kinesis:us-east-1:${owner}:stream/origin` } },
    Resources: service ? { ServiceApiRole: { Type: 'AWS::IAM::Role' } } : {},
  });

  it('must be in the account of the deployment', () => {
    expect(() => requireOwnStream(template('999999999999'), '123456789012')).toThrow(
      'streamArn: the stream is in account 999999999999, but the service is deployed to account 123456789012',
    );
  });

  it('may be in any account without the service, in the same account, or be created by the stack', () => {
    requireOwnStream(template('999999999999', false), '123456789012');
    requireOwnStream(template('123456789012'), '123456789012');
    requireOwnStream({ Resources: { ServiceApiRole: { Type: 'AWS::IAM::Role' } } }, '123456789012');
  });
});
