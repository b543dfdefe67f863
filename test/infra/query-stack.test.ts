import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type DeployableCopy,
  makeDeployableCopy,
  type Packaged,
  packageOnce,
  packageServiceOnce,
} from '../fixtures/stack/deployable-copy.ts';
import { grantsByRole } from '../fixtures/stack/stack-grants.ts';
import { metricsOfAlarm, metricsOfDashboard } from '../fixtures/stack/stack-metrics.ts';
import { environmentOf, functionId, functionOf, ofType, withoutCode } from '../fixtures/stack/stack-parts.ts';

const NAME = 'query-api';
const FUNCTION = functionId(NAME);
const SECRET = 'readers';
const KEY = 'arn:aws:kms:us-east-1:123456789012:key/0123';
const LOCATION = 'postgres://host:5432/database?sslmode=verify-full';
const VPC = { vpcSubnets: 'subnet-0123abcd', vpcSecurityGroups: 'sg-0123abcd' };
const noCfnLint = spawnSync('cfn-lint', ['--version']).status !== 0;

let copy: DeployableCopy;
/** The stack with its own Aurora DSQL cluster, without the query API and with it. */
let without: Packaged;
let onCluster: Packaged;
/** The query API on a user's database in a VPC. */
let onServer: Packaged;
beforeAll(async () => {
  copy = await makeDeployableCopy();
  without = await packageOnce();
  const withArchive = await copy.withArchive(join((await packageServiceOnce()).directory, 'migrate.zip'));
  onCluster = await copy.package([...withArchive, '--param=queryApi=on']);
  const parameters = {
    database: 'url',
    databaseUrl: LOCATION,
    databaseSecret: 'query-store',
    queryApi: 'on',
    queryDatabaseUrl: LOCATION,
    queryDatabaseSecret: SECRET,
    queryDatabaseSecretKey: KEY,
    queryConcurrency: '10',
    ...VPC,
  };
  const args = Object.entries(parameters).map(([name, value]) => `--param=${name}=${value}`);
  onServer = await copy.package([...withArchive, ...args]);
}, 180_000);
afterAll(() => copy.remove());

const grants = (packaged: Packaged) => grantsByRole(packaged).QueryApiRole ?? [];

it('the query API adds resources to the stack, and of the existing ones changes only migrate and the dashboard; by default, it is absent', () => {
  const added = Object.keys(onCluster.resources).filter((id) => !(id in without.resources));
  expect(added.toSorted()).toEqual([
    'QueryApi5xx',
    'QueryApiAccess',
    'QueryApiRole',
    'QueryApiThrottles',
    FUNCTION,
    'QueryDashapiLambdaFunctionUrl',
    'QueryDashapiLogGroup',
  ]);
  expect(Object.keys(without.resources).filter((id) => !(id in onCluster.resources))).toEqual([]);
  const changed = Object.entries(without.resources).filter(([id, resource]) => {
    return JSON.stringify(withoutCode(resource)) !== JSON.stringify(withoutCode(onCluster.resources[id]));
  });
  expect(changed.map(([id]) => id).toSorted()).toEqual(['Dashboard', 'MigrateLambdaFunction']);
  expect(JSON.stringify([without.resources, without.outputs])).not.toMatch(/query-api|query_reader|READERS/);
});

describe('the function URL of the query API', () => {
  it('accepts only callers that IAM authorizes, and no permission opens it to others', () => {
    for (const packaged of [onCluster, onServer]) {
      expect(ofType(packaged, 'AWS::Lambda::Url')).toEqual([
        { AuthType: 'AWS_IAM', TargetFunctionArn: { 'Fn::GetAtt': [FUNCTION, 'Arn'] } },
      ]);
      const opened = ofType(packaged, 'AWS::Lambda::Permission').filter((permission) =>
        JSON.stringify(permission).includes(FUNCTION),
      );
      expect(opened).toEqual([]);
    }
  });

  it('is an output, as is the function', () => {
    expect(onCluster.outputs).toMatchObject({
      QueryEndpoint: { Value: { 'Fn::GetAtt': ['QueryDashapiLambdaFunctionUrl', 'FunctionUrl'] } },
      QueryFunctionArn: { Value: { 'Fn::GetAtt': [FUNCTION, 'Arn'] } },
    });
  });
});

describe('the permissions of the query API', () => {
  const LOG = ['CreateLogStream', 'PutLogEvents'].map(
    (action) => `logs:${action} on logs:log-group:/aws/lambda/cognito-sync-backend-dev-query-api:*`,
  );

  it('are exactly those to log and to connect to the cluster, as query_reader', () => {
    expect(grants(onCluster)).toEqual(['dsql:DbConnect on QueryStoreCluster.ResourceArn', ...LOG]);
    expect(environmentOf(onCluster, NAME)).toMatchObject({
      DATABASE_URL: '',
      DATABASE_SECRET: '',
      DSQL_ENDPOINT: { 'Fn::GetAtt': ['QueryStoreCluster', 'Endpoint'] },
      DSQL_USER: 'query_reader',
    });
    const migrate = environmentOf(onCluster, 'migrate');
    expect(migrate.DSQL_READERS).toEqual({ 'Fn::GetAtt': ['QueryApiRole', 'Arn'] });
    expect(JSON.stringify(migrate.DSQL_WRITERS)).not.toContain('QueryApiRole');
  });

  it("on a user's database, are those to log, to read its own secret and to use the VPC", () => {
    const given = grants(onServer).filter((grant) => !/ec2:/.test(grant));
    expect(given).toEqual([
      `kms:Decrypt on ${KEY} if {"StringEquals":{"kms:ViaService":"secretsmanager.us-east-1.amazonaws.com"}}`,
      ...LOG,
      `secretsmanager:GetSecretValue on secretsmanager:secret:${SECRET}-??????`,
    ]);
    expect(grants(onServer)).toContain('ec2:CreateNetworkInterface on *');
    expect(environmentOf(onServer, NAME)).toMatchObject({
      DATABASE_URL: LOCATION,
      DATABASE_SECRET: SECRET,
      NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem',
      DSQL_ENDPOINT: '',
    });
    expect(functionOf(onServer, NAME)).toMatchObject({
      ReservedConcurrentExecutions: 10,
      VpcConfig: { SubnetIds: [VPC.vpcSubnets], SecurityGroupIds: [VPC.vpcSecurityGroups] },
    });
    expect(onServer.resources[FUNCTION]?.DependsOn).toContain('VpcAccess');
    expect(environmentOf(onServer, 'migrate').DSQL_READERS).toBe('');
  });
});

it('the alarms and the dashboard of the query API use metrics that Lambda publishes', () => {
  const alarms = Object.entries(onCluster.resources).filter(([id]) => /^QueryApi(5xx|Throttles)$/.test(id));
  expect(alarms.flatMap(([, { Properties }]) => metricsOfAlarm(Properties))).toEqual(
    ['Url5xxCount', 'Throttles'].map((name) => ({
      namespace: 'AWS/Lambda',
      name,
      dimensions: [['FunctionName', { Ref: FUNCTION }]],
    })),
  );
  const [dashboard] = ofType(onCluster, 'AWS::CloudWatch::Dashboard');
  const body = JSON.parse(JSON.stringify(dashboard?.DashboardBody))['Fn::Sub'];
  const shown = metricsOfDashboard(body).filter((metric) => JSON.stringify(metric).includes('query-api'));
  expect(shown.map(({ name }) => name)).toEqual(['Url5xxCount', 'Throttles']);
});

it.skipIf(noCfnLint)('cfn-lint finds nothing in the templates', { timeout: 120_000 }, () => {
  const templates = [onCluster, onServer].map(({ templateFile }) => templateFile);
  const { stdout, stderr, status } = spawnSync('cfn-lint', templates, { encoding: 'utf8' });
  expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
});
