import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readLocalConfig } from '../../../infra/local/local-config.ts';
import { readLogFormat, requireLogLevel } from '../../../lib/common/environment.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import {
  readParallelizationFactor,
  readPayloadBucket,
  readPayloadPolicy,
} from '../../../lib/common/function-settings.ts';
import { DEFAULT_RATE_LIMITS } from '../../../lib/common/rate-limit-settings.ts';
import { DEFAULT_CONNECTIONS } from '../../../lib/database/connections.ts';
import {
  readAllowedRoles,
  readDatabase,
  readDatabaseIfAny,
  readDatabaseUrl,
} from '../../../lib/database/database-address.ts';
import { DEFAULT_LIMITS } from '../../../lib/sync/limits.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const ADM_APP = 'arn:aws:sns:us-east-1:000000000000:app/ADM/notes';

describe('readLocalConfig', () => {
  it('uses the defaults if the environment is empty', () => {
    expect(readLocalConfig({ PORT: '', DATABASE_URL: '' })).toEqual({
      host: '127.0.0.1',
      port: 4580,
      sqlPort: 4581,
      dataDir: '.data',
      databaseUrl: undefined,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      otherDevelopers: [],
      tokenKeys: null,
      rulesFile: join(ROOT, 'sync-rules.ts'),
      rateLimits: null,
      origins: null,
      trustedProxies: [],
      limits: DEFAULT_LIMITS,
      logins: 'trusted',
      loginProviders: new Map(),
      pushProviders: new Map(),
      connections: DEFAULT_CONNECTIONS,
      readOrigin: expect.any(Function),
    });
  });

  it('reads every variable', () => {
    const DATABASE_URL = 'postgres://u:p@db:5433/sync?sslmode=require';
    expect(
      readLocalConfig({
        HOST: '::1',
        PORT: '0',
        PG_PORT: '65535',
        DATA_DIR: '/data',
        DATABASE_URL,
        AWS_REGION: 'ap-southeast-2',
        SERVICE_KEYS: JSON.stringify({
          developers: ['id', 'old'].map((accessKeyId) => ({ accessKeyId, secretAccessKey: 'secret' })),
          tokenKeys: [Buffer.alloc(32, 1).toString('base64')],
        }),
        SYNC_RULES: '/rules/game.ts',
        RATE_LIMITS: 'on',
        ORIGINS: 'https://app.example',
        TRUSTED_PROXIES: '10.0.0.1',
        SYNC_LIMITS: '{"rowsPerDataset":32768}',
        LOGINS: 'verified',
        LOGIN_PROVIDERS: '{"login.example":{"clientIds":["app"]}}',
        PUSH_PROVIDERS: `{"${ADM_APP}":{"sns":{}}}`,
        DATABASE_CONNECTIONS: '{"reads":12,"waiting":100}',
      }),
    ).toEqual({
      host: '::1',
      port: 0,
      sqlPort: 65535,
      dataDir: '/data',
      databaseUrl: DATABASE_URL,
      region: 'ap-southeast-2',
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
      otherDevelopers: [{ accessKeyId: 'old', secretAccessKey: 'secret' }],
      tokenKeys: [Buffer.alloc(32, 1)],
      rulesFile: '/rules/game.ts',
      rateLimits: DEFAULT_RATE_LIMITS,
      origins: ['https://app.example'],
      trustedProxies: ['10.0.0.1/32'],
      limits: { ...DEFAULT_LIMITS, rowsPerDataset: 32_768 },
      logins: 'verified',
      loginProviders: new Map([['login.example', { clientIds: ['app'] }]]),
      pushProviders: new Map([
        [ADM_APP, { kind: 'sns', region: 'us-east-1', credentials: null, endpoint: null }],
      ]),
      connections: { ...DEFAULT_CONNECTIONS, reads: 12, waiting: 100 },
      readOrigin: expect.any(Function),
    });
  });

  it.each([
    ['127.0.0.1', undefined, null],
    ['192.0.2.1', undefined, DEFAULT_RATE_LIMITS],
    ['0.0.0.0', undefined, DEFAULT_RATE_LIMITS],
    ['192.0.2.1', 'off', null],
  ])(
    'limits rates by default if other machines can reach the port: HOST=%s RATE_LIMITS=%s',
    (HOST, RATE_LIMITS, expected) => {
      const own = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' };
      expect(readLocalConfig({ HOST, RATE_LIMITS, ...own }).rateLimits).toEqual(expected);
    },
  );

  it('resolves SYNC_RULES relative to the working directory', () => {
    expect(readLocalConfig({ SYNC_RULES: '../game/rules.ts' }).rulesFile).toBe(resolve('../game/rules.ts'));
    expect(readLocalConfig({ SYNC_RULES: '' }).rulesFile).toBe(join(ROOT, 'sync-rules.ts'));
  });

  it('trusts logins only if no other machine can reach the port and the default credentials are used', () => {
    const own = { AWS_ACCESS_KEY_ID: 'own', AWS_SECRET_ACCESS_KEY: 'own' };
    expect(readLocalConfig({ HOST: '::1' }).logins).toBe('trusted');
    for (const env of [own, { ...own, HOST: '192.0.2.1' }, { LOGINS: 'verified' }]) {
      expect(readLocalConfig(env).logins).toBe('verified');
    }
    for (const env of [own, { ...own, HOST: '192.0.2.1' }]) {
      expect(() => readLocalConfig({ ...env, LOGINS: 'trusted' })).toThrow('LOGINS=trusted lets any client');
    }
  });

  it.each([
    [{ PORT: 'abc' }, 'invalid PORT "abc": use a port number'],
    [{ PORT: '65536' }, 'invalid PORT "65536": use a port number'],
    [{ PORT: '-1' }, 'invalid PORT "-1": use a port number'],
    [{ PG_PORT: '1e3' }, 'invalid PG_PORT "1e3": use a port number'],
    [
      { HOST: '0.0.0.0' },
      'HOST=0.0.0.0 is reachable from other machines, but the default credentials are public knowledge',
    ],
    [
      { HOST: '192.0.2.1', AWS_ACCESS_KEY_ID: 'own', AWS_SECRET_ACCESS_KEY: 'local' },
      'HOST=192.0.2.1 is reachable from other machines',
    ],
    [{ HOST: 'example.com' }, 'HOST=example.com is not an IP address'],
    [{ AWS_REGION: 'moon' }, 'invalid AWS_REGION "moon": use a region name'],
    [{ AWS_ACCESS_KEY_ID: 'id' }, 'only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set'],
    [{ RATE_LIMITS: '{"adress":{}}' }, 'invalid RATE_LIMITS: unknown member "adress"; did you mean address?'],
    [{ LOGINS: 'all' }, 'invalid LOGINS "all": use verified or trusted'],
    [{ LOGIN_PROVIDERS: '{"login.example":{"clientId":"secret"}}' }, 'did you mean clientIds?'],
    [{ ORIGINS: '*' }, 'invalid ORIGINS: entry 1 is not an origin'],
    [{ TRUSTED_PROXIES: 'all' }, 'invalid TRUSTED_PROXIES: "all" is not a network'],
    [
      { SYNC_LIMITS: '[1]' },
      'invalid SYNC_LIMITS: it is not a JSON object; use e.g. {"rowsPerDataset":32768}',
    ],
    [
      { DATABASE_CONNECTIONS: '8' },
      'invalid DATABASE_CONNECTIONS: it is not a JSON object; use JSON such as {"reads":12,"writes":12}',
    ],
    [
      { DATABASE_CONNECTIONS: '{"read":8}' },
      'invalid DATABASE_CONNECTIONS: unknown member "read"; did you mean reads?',
    ],
    [
      { DATABASE_CONNECTIONS: '{"total":8}' },
      'unknown member "total"; use one of reads, writes, identity, projection, relay, jobs, queries, waiting',
    ],
    [
      { DATABASE_CONNECTIONS: '{"jobs":0}' },
      'invalid DATABASE_CONNECTIONS: jobs must be a whole number from 1 to 10000',
    ],
    [{ SYNC_LIMITS: 'on' }, 'invalid SYNC_LIMITS: it is not a JSON object'],
    [
      { SYNC_LIMITS: '{"rows":1}' },
      'invalid SYNC_LIMITS: unknown limit "rows"; use rowsPerDataset, keyBytesPerDataset, devicesPerIdentity',
    ],
    [
      { SYNC_LIMITS: '{"devicesPerIdentity":0}' },
      'invalid SYNC_LIMITS: devicesPerIdentity is not a positive whole number; the default is 100',
    ],
    [{ SYNC_LIMITS: '{"keyBytesPerDataset":"4"}' }, 'keyBytesPerDataset is not a positive whole number'],
    [{ DATABASE_URL: 'nonsense' }, 'invalid DATABASE_URL: it is not the address of a PostgreSQL database'],
    [
      { DATABASE_URL: 'mysql://u:secret@h/d' },
      'invalid DATABASE_URL: it is not the address of a PostgreSQL database',
    ],
  ])('rejects %o with a message in one line', (env, message) => {
    expect(() => readLocalConfig(env)).toThrow(SetupError);
    expect(() => readLocalConfig(env)).toThrow(message);
    expect(() => readLocalConfig(env)).not.toThrow(/\n|secret/);
  });

  it.each(['0.0.0.0', '::', '192.0.2.1'])('accepts the host %s with non-default credentials', (HOST) => {
    const own = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' };
    expect(readLocalConfig({ HOST, ...own }).host).toBe(HOST);
  });

  it.each([
    ['0:0:0:0:0:0:0:1', '::1'],
    ['::0:0', '::'],
    ['FD00::0:2', 'fd00::2'],
  ])('normalizes the address %s', (HOST, host) => {
    const own = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' };
    expect(readLocalConfig({ HOST, ...own }).host).toBe(host);
  });

  it.each(['localhost', '::1', '127.0.0.2'])('accepts loopback %s with the default credentials', (HOST) => {
    expect(readLocalConfig({ HOST }).host).toBe(HOST);
  });

  it('does not require DATABASE_URL, but readDatabaseUrl does', () => {
    expect(() => readDatabaseUrl({})).toThrow('DATABASE_URL is not set; set it to postgres://');
  });
});

describe('readPayloadPolicy', () => {
  it('allows S3 of the region that the function runs in by default', () => {
    expect(readPayloadPolicy({ AWS_REGION: 'eu-west-1', PAYLOAD_REGIONS: '', PAYLOAD_ORIGIN: '' })).toEqual({
      regions: ['eu-west-1'],
      ownOrigin: null,
    });
  });

  it('allows S3 of the regions in PAYLOAD_REGIONS', () => {
    const env = { AWS_REGION: 'eu-west-1', PAYLOAD_REGIONS: 'us-east-1, us-gov-west-1,cn-north-1' };
    expect(readPayloadPolicy(env).regions).toEqual(['us-east-1', 'us-gov-west-1', 'cn-north-1']);
  });

  it.each([
    ['http://127.0.0.1:4580', 'http://127.0.0.1:4580'],
    ['http://127.0.0.1:4580/', 'http://127.0.0.1:4580'],
    ['https://Objects.Example:443', 'https://objects.example'],
    ['http://[::1]:4580', 'http://[::1]:4580'],
  ])('also allows the origin in PAYLOAD_ORIGIN: %s', (PAYLOAD_ORIGIN, ownOrigin) => {
    expect(readPayloadPolicy({ AWS_REGION: 'us-east-1', PAYLOAD_ORIGIN })).toEqual({
      regions: ['us-east-1'],
      ownOrigin,
    });
  });

  it.each([
    [{}, 'neither PAYLOAD_REGIONS nor AWS_REGION is set'],
    [{ AWS_REGION: 'moon' }, 'invalid AWS_REGION "moon": "moon" is not a region name'],
    [{ PAYLOAD_REGIONS: 'us-east-1,moon' }, '"moon" is not a region name'],
    [{ PAYLOAD_REGIONS: 'us-east-1,' }, '"" is not a region name'],
    [{ PAYLOAD_REGIONS: 'us-east-1.evil.example' }, '"us-east-1.evil.example" is not a region name'],
    [{ PAYLOAD_REGIONS: 'US-EAST-1' }, '"US-EAST-1" is not a region name'],
    ...[
      '127.0.0.1:4580',
      'ftp://127.0.0.1',
      'blob:http://127.0.0.1:4580',
      'http://',
      'null',
      'http://127.0.0.1:4580/secret',
      'http://127.0.0.1:4580?secret',
      'http://u:secret@127.0.0.1:4580',
    ].map((PAYLOAD_ORIGIN): [Record<string, string>, string] => [
      { AWS_REGION: 'us-east-1', PAYLOAD_ORIGIN },
      'invalid PAYLOAD_ORIGIN: use an http or https origin',
    ]),
  ])('rejects %o with a message in one line', (env, message) => {
    expect(() => readPayloadPolicy(env)).toThrow(SetupError);
    expect(() => readPayloadPolicy(env)).toThrow(message);
    expect(() => readPayloadPolicy(env)).not.toThrow(/\n|secret/);
  });
});

describe('readPayloadBucket', () => {
  it('returns null if PAYLOAD_BUCKET is not set', () => {
    expect(readPayloadBucket({ AWS_REGION: 'eu-west-1' })).toBeNull();
    expect(readPayloadBucket({ PAYLOAD_BUCKET: '' })).toBeNull();
  });

  it('reads the bucket in the region of the function, and the address of a stand-in for S3', () => {
    const env = { PAYLOAD_BUCKET: 'stack-payloads-1', AWS_REGION: 'eu-west-1' };
    const address = { bucket: 'stack-payloads-1', region: 'eu-west-1', endpoint: null };
    expect(readPayloadBucket(env)).toEqual(address);
    expect(readPayloadBucket({ ...env, AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000/' })).toEqual({
      ...address,
      endpoint: 'http://127.0.0.1:9000',
    });
  });

  it.each([
    [{ PAYLOAD_BUCKET: 'a.b' }, 'invalid PAYLOAD_BUCKET "a.b": use the name of a bucket without dots'],
    [{ PAYLOAD_BUCKET: 's3://bucket' }, 'invalid PAYLOAD_BUCKET'],
    [{ PAYLOAD_BUCKET: 'Bucket' }, 'invalid PAYLOAD_BUCKET'],
    [{ PAYLOAD_BUCKET: 'x' }, 'invalid PAYLOAD_BUCKET'],
    [{ AWS_REGION: '' }, 'AWS_REGION is not a region name'],
    [{ AWS_REGION: 'moon' }, 'AWS_REGION is not a region name'],
    [{ AWS_ENDPOINT_URL_S3: 'http://u:secret@127.0.0.1' }, 'invalid AWS_ENDPOINT_URL_S3'],
  ])('rejects %o', (variables, message) => {
    const env = { PAYLOAD_BUCKET: 'bucket', AWS_REGION: 'eu-west-1', ...variables };
    expect(() => readPayloadBucket(env)).toThrow(SetupError);
    expect(() => readPayloadBucket(env)).toThrow(message);
    expect(() => readPayloadBucket(env)).not.toThrow(/\n|secret/);
  });
});

describe('readParallelizationFactor', () => {
  it.each([
    [undefined, 1],
    ['', 1],
    ['1', 1],
    ['10', 10],
  ])('reads %j as %d', (PARALLELIZATION_FACTOR, factor) => {
    expect(readParallelizationFactor({ PARALLELIZATION_FACTOR })).toBe(factor);
  });

  it.each(['0', '11', '-1', '1.5', 'two'])('rejects %s', (PARALLELIZATION_FACTOR) => {
    expect(() => readParallelizationFactor({ PARALLELIZATION_FACTOR })).toThrow(SetupError);
  });
});

describe('readDatabase', () => {
  const HOST = 'abc123.dsql.us-east-1.on.aws';
  const URL_OF_DATABASE = 'postgres://user:hunter2@host:5432/database';

  it('reads DATABASE_URL, or DSQL_ENDPOINT with the region in its name', () => {
    expect(readDatabase({ DATABASE_URL: URL_OF_DATABASE, DSQL_ENDPOINT: '' })).toEqual({
      kind: 'postgresql',
      url: URL_OF_DATABASE,
    });
    expect(readDatabase({ DSQL_ENDPOINT: HOST })).toEqual({
      kind: 'dsql',
      host: HOST,
      region: 'us-east-1',
      user: 'admin',
    });
    const inVpc = 'abc123.dsql-fnh4.ap-southeast-2.on.aws';
    expect(readDatabase({ DSQL_ENDPOINT: inVpc })).toMatchObject({ region: 'ap-southeast-2' });
  });

  it('rejects an environment with neither or both of DATABASE_URL and DSQL_ENDPOINT, and names them', () => {
    expect(() => readDatabase({})).toThrow(/DATABASE_URL is not set.*DSQL_ENDPOINT/);
    expect(() => readDatabase({ DATABASE_URL: URL_OF_DATABASE, DSQL_ENDPOINT: HOST })).toThrow(
      'DATABASE_URL and DSQL_ENDPOINT are both set; set only the one for the database that you use',
    );
    expect(readDatabaseIfAny({ DATABASE_URL: '' })).toBeUndefined();
  });

  const LOCATION = 'postgres://host:5432/database?sslmode=verify-full';
  const ARN = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/query-store-AbC123';

  it('reads DATABASE_SECRET with the region in its ARN, and the address from DATABASE_URL', () => {
    expect(readDatabase({ DATABASE_SECRET: ARN })).toEqual({
      kind: 'secret',
      secretId: ARN,
      region: 'eu-west-1',
      url: null,
    });
    const managed = `${ARN.slice(0, ARN.indexOf(':secret:'))}:secret:rds!db-11111111-1111-4111-8111-111111111111-AbC123`;
    expect(readDatabase({ DATABASE_SECRET: managed })).toMatchObject({ secretId: managed });
    expect(readDatabase({ DATABASE_SECRET: 'team/query-store', DATABASE_URL: LOCATION })).toEqual({
      kind: 'secret',
      secretId: 'team/query-store',
      region: null,
      url: LOCATION,
    });
    expect(readDatabaseIfAny({ DATABASE_SECRET: 'query-store' })).toMatchObject({ kind: 'secret' });
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['DSQL_ENDPOINT', { DSQL_ENDPOINT: HOST }, /^DATABASE_SECRET and DSQL_ENDPOINT are both set/],
    [
      'DSQL_ENDPOINT and DATABASE_URL',
      { DSQL_ENDPOINT: HOST, DATABASE_URL: LOCATION },
      /^DATABASE_URL and DATABASE_SECRET and DSQL_ENDPOINT are all set/,
    ],
    [
      'an address with a password',
      { DATABASE_URL: `postgres://u:hunter2@h/d?sslmode=disable` },
      /^DATABASE_URL contains a password/,
    ],
    [
      'an address with a password in its query',
      { DATABASE_URL: `${LOCATION}&password=hunter2` },
      /^DATABASE_URL contains a password/,
    ],
    [
      'an address without sslmode',
      { DATABASE_URL: 'postgres://host/hunter2' },
      /^invalid DATABASE_URL: .*verify-full/,
    ],
    [
      'an address of another database system',
      { DATABASE_URL: 'mysql://hunter2' },
      /^invalid DATABASE_URL: it is not the address/,
    ],
    [
      'its value in place of its name',
      { DATABASE_SECRET: 'postgres://u:hunter2@h/d' },
      /^invalid DATABASE_SECRET: .*not the name/,
    ],
    ['a partial ARN', { DATABASE_SECRET: ARN.slice(0, -7) }, /^invalid DATABASE_SECRET: .*incomplete ARN/],
  ])('rejects DATABASE_SECRET with %s, without quoting a password', (_, env, reason) => {
    let message = '';
    try {
      readDatabase({ DATABASE_SECRET: 'query-store', ...env });
    } catch (error) {
      if (error instanceof SetupError) message = error.message;
    }
    expect(message).toMatch(reason);
    expect(message).not.toContain('hunter2');
  });

  it('connects as the role in DSQL_USER, and rejects an invalid name', () => {
    expect(readDatabase({ DSQL_ENDPOINT: HOST, DSQL_USER: 'query_writer' })).toMatchObject({
      user: 'query_writer',
    });
    expect(() => readDatabase({ DSQL_ENDPOINT: HOST, DSQL_USER: 'Query Writer' })).toThrow(
      'invalid DSQL_USER "Query Writer": use the name of a database role',
    );
  });

  it('accepts in DSQL_WRITERS only ARNs of IAM roles without characters that could end a statement', () => {
    const arns = ['arn:aws:iam::123456789012:role/a-1X', 'arn:aws-us-gov:iam::123456789012:role/path/b'];
    const none = { queryStore: [], service: [], readers: [] };
    const list = arns.join(' ');
    expect(readAllowedRoles({ DSQL_WRITERS: list })).toEqual({ ...none, queryStore: arns });
    expect(readAllowedRoles({ DSQL_WRITERS: '', DSQL_SERVICE_WRITERS: list })).toEqual({
      ...none,
      service: arns,
    });
    expect(readAllowedRoles({ DSQL_READERS: list })).toEqual({ ...none, readers: arns });
    expect(() => readAllowedRoles({ DSQL_READERS: '*' })).toThrow(/^invalid DSQL_READERS: "/);
    expect(() => readAllowedRoles({ DSQL_SERVICE_WRITERS: '*' })).toThrow(/^invalid DSQL_SERVICE_WRITERS: "/);
    for (const wrong of [`${arns[0]}'`, 'arn:aws:iam::123456789012:user/a', 'arn:aws:iam::1:role/a', '*']) {
      expect(() => readAllowedRoles({ DSQL_WRITERS: `${arns[0]} ${wrong}` })).toThrow(
        /^invalid DSQL_WRITERS: "/,
      );
    }
  });

  it.each([`https://${HOST}`, 'abc123', `${HOST}:5432`, `${HOST}.example.com`])(
    'rejects %s as DSQL_ENDPOINT',
    (endpoint) => {
      expect(() => readDatabase({ DSQL_ENDPOINT: endpoint })).toThrow(
        `invalid DSQL_ENDPOINT "${endpoint}": use the endpoint of an Aurora DSQL cluster`,
      );
    },
  );
});

describe('readLogFormat', () => {
  it('is readable only on a terminal, unless LOG_FORMAT says otherwise', () => {
    expect(readLogFormat({}, { isTerminal: true })).toBe('pretty');
    expect(readLogFormat({ LOG_FORMAT: '' }, { isTerminal: false })).toBe('json');
    expect(readLogFormat({ LOG_FORMAT: 'json' }, { isTerminal: true })).toBe('json');
    expect(readLogFormat({ LOG_FORMAT: 'pretty' }, { isTerminal: false })).toBe('pretty');
    expect(() => readLogFormat({ LOG_FORMAT: 'xml' }, { isTerminal: true })).toThrow('use pretty or json');
  });
});

describe('requireLogLevel', () => {
  it.each([undefined, '', 'DEBUG', 'CRITICAL', 'SILENT'])('accepts %j', (level) => {
    expect(() => requireLogLevel({ POWERTOOLS_LOG_LEVEL: level })).not.toThrow();
  });

  it.each(['LOUD', 'debug', 'toString'])('rejects %s, which the logger would ignore', (level) => {
    expect(() => requireLogLevel({ POWERTOOLS_LOG_LEVEL: level })).toThrow(
      new SetupError(
        `invalid POWERTOOLS_LOG_LEVEL "${level}": use one of TRACE, DEBUG, INFO, WARN, ERROR, CRITICAL, SILENT`,
      ),
    );
  });
});
