import { describe, expect, it } from 'vitest';
import {
  checkParameters,
  type DeploymentParameters,
} from '../../../infra/stack/parameters/check-parameters.ts';
import { SetupError } from '../../../lib/common/errors.ts';

const WRITER = 'postgres://writer:hunter2@host:5432/database?sslmode=verify-full';
const READER = 'postgres://reader:hunter2@host:5432/database?sslmode=verify-full';
const SECRET = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:readers-AbC123';
const KEY = 'arn:aws:kms:us-east-1:123456789012:key/0123';
const PROD = { stage: 'prod', region: 'us-east-1' };
const CLUSTER = { database: 'dsql', queryApi: 'on' };
const SERVER = { database: 'url', databaseUrl: WRITER, queryApi: 'on', queryConcurrency: '10' };

/** Returns the problems of the parameters, one line per problem. */
function problemsOf(parameters: Partial<DeploymentParameters>): string[] {
  try {
    checkParameters(parameters, PROD);
    return [];
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return error.message.split('\n').slice(1);
  }
}

describe('the parameters of the query API', () => {
  it('leave out the query API by default, even if an environment variable has an address for another deployment', () => {
    const off = checkParameters({ database: 'dsql', queryDatabaseUrl: READER }, PROD);
    expect(off).toMatchObject({
      queryApi: 'no',
      queryUsesCluster: 'no',
      queryReadsSecret: 'no',
      queryInVpc: 'no',
    });
    expect(JSON.stringify([off.vpcRoles, off.tracedRoles])).not.toContain('QueryApiRole');
  });

  it('connect the query API to the cluster of the stack, which needs no address', () => {
    expect(checkParameters(CLUSTER, PROD)).toMatchObject({
      queryApi: 'yes',
      queryUsesCluster: 'yes',
      queryReadsSecret: 'no',
      queryDatabaseUrl: '',
      queryConcurrency: null,
    });
  });

  it('connect the query API to a PostgreSQL server with its own login', () => {
    expect(checkParameters({ ...SERVER, queryDatabaseUrl: READER }, PROD)).toMatchObject({
      databaseUrl: WRITER,
      queryUsesCluster: 'no',
      queryDatabaseUrl: READER,
      queryConcurrency: 10,
    });
    const vpc = { vpcSubnets: 'subnet-0123abcd', vpcSecurityGroups: 'sg-0123abcd' };
    const readers = { queryDatabaseSecret: SECRET, queryDatabaseSecretKey: KEY };
    const inVpc = checkParameters({ ...SERVER, ...vpc, ...readers }, PROD);
    expect(inVpc).toMatchObject({
      queryReadsSecret: 'yes',
      queryDecryptsSecret: 'yes',
      queryInVpc: 'yes',
      queryDatabaseSecretArn: SECRET,
      queryDatabaseSecretService: 'secretsmanager.us-east-1.amazonaws.com',
      readsSecret: 'no',
    });
    expect(inVpc.vpcRoles).toContainEqual({ Ref: 'QueryApiRole' });
    expect(inVpc.queryStoreSecretRoles).not.toContainEqual({ Ref: 'QueryApiRole' });
  });

  it.each<[string, Partial<DeploymentParameters>, RegExp]>([
    ['queryApi', { ...CLUSTER, queryApi: 'yes' }, /invalid value "yes"; use on or off$/],
    ['queryConcurrency', { ...CLUSTER, queryConcurrency: '0' }, /use a whole number from 1 to 10000$/],
    ['queryDatabaseUrl', { ...CLUSTER, queryDatabaseUrl: READER }, /reads the stack's own cluster/],
    ['queryDatabaseSecret', { ...CLUSTER, queryDatabaseSecret: SECRET }, /reads the stack's own cluster/],
    ['database', SERVER, /requires queryDatabaseUrl \(QUERY_DATABASE_URL\) or queryDatabaseSecret/],
    [
      'queryDatabaseUrl',
      { ...SERVER, queryDatabaseUrl: 'postgres://reader:hunter2@host/database' },
      /\(QUERY_DATABASE_URL\): .*sslmode/,
    ],
    ['queryDatabaseUrl', { ...SERVER, queryDatabaseUrl: WRITER }, /can write; use a user with the role/],
    [
      'queryDatabaseSecret',
      { ...SERVER, databaseUrl: '', databaseSecret: SECRET, queryDatabaseSecret: SECRET },
      /can write; use a user with the role query_reader$/,
    ],
    [
      'queryDatabaseSecretKey',
      { ...SERVER, queryDatabaseUrl: READER, queryDatabaseSecretKey: KEY },
      /given without queryDatabaseSecret/,
    ],
    [
      'queryConcurrency',
      { ...SERVER, queryDatabaseUrl: READER, queryConcurrency: '' },
      /: missing; PostgreSQL limits its connections/,
    ],
    ['queryConcurrency', { database: 'dsql', queryConcurrency: '9' }, /given without queryApi=on/],
    ['queryDatabaseSecret', { database: 'dsql', queryDatabaseSecret: SECRET }, /given without queryApi=on/],
  ])('name the problem, without a secret value: %s', (name, parameters, problem) => {
    const problems = problemsOf(parameters);
    expect(problems).toEqual([expect.stringMatching(problem)]);
    expect(problems[0]).toMatch(new RegExp(`^${name}\\b`));
    expect(problems[0]).not.toContain('hunter2');
  });
});
