import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { createPoolStore } from '../../lib/sync/store/pool-store.ts';
import { API_OPERATIONS } from '../../lib/wire/api-model.ts';
import { credentialsOf } from '../fixtures/identity/identity-credentials.ts';
import { createPool } from '../fixtures/identity/identity-pools.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import { askSigned } from '../fixtures/wire/signing.ts';
import { type Identity, newIdentity } from '../fixtures/wire/sync-client.ts';

// Ann and Bob each have the credentials of their own identity. Ann requests Bob's data, in every operation and with
// every token of his that she could have obtained.

const { cloud } = await openSharedCloud();

const PUSH = { applicationArns: ['arn:aws:sns:us-east-1:000000000000:app/GCM/game'], roleArn: null };
const DATASETS = ['game', 'settings', 'third'];
const KEYS = ['level', 'score', 'name'];

interface Person extends Identity {
  send: Send;
  deviceId: string;
  syncSessionToken: string;
  recordsPage: string;
  datasetsPage: string;
}

interface Result {
  status: number;
  code: string;
  body: Record<string, unknown>;
  /** The response body. It does not contain the request id, so the texts of equal errors are equal. */
  text: string;
}

type Send = (method: string, path: string, body?: object) => Promise<Result>;

function createSender(on: LocalCloud, credentials: Awaited<ReturnType<typeof credentialsOf>>): Send {
  return async (method, path, body) => {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const response = await askSigned(on.url, method, path, {
      credentials: { accessKeyId, secretAccessKey, sessionToken },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    const code = response.headers.get('x-amzn-ErrorType')?.replace(/:$/, '') ?? '';
    return { status: response.status, code, body: JSON.parse(text || '{}'), text };
  };
}

const encode = encodeURIComponent;
const pathOf = ({ IdentityPoolId, IdentityId }: Identity) =>
  `/identitypools/${encode(IdentityPoolId)}/identities/${encode(IdentityId)}`;

/**
 * Creates a person with three datasets of three records, a device subscribed to one of these datasets, and tokens of
 * all kinds.
 */
async function createPerson(name: string): Promise<Person> {
  const identity = newIdentity();
  const send = createSender(cloud, await credentialsOf(cloud, identity));
  const path = pathOf(identity);
  for (const dataset of DATASETS) {
    const { body } = await send('GET', `${path}/datasets/${dataset}/records`);
    const patches = KEYS.map((Key) => ({ Op: 'replace', Key, Value: `${name}'s ${Key}`, SyncCount: 0 }));
    const update = { SyncSessionToken: body.SyncSessionToken, RecordPatches: patches };
    expect(await send('POST', `${path}/datasets/${dataset}`, update)).toMatchObject({ status: 200 });
  }
  const records = await send('GET', `${path}/datasets/game/records?maxResults=1`);
  const datasets = await send('GET', `${path}/datasets?maxResults=1`);
  const device = await send('POST', devicePath(identity), { Platform: 'GCM', Token: `${name}'s phone` });
  const deviceId = String(device.body.DeviceId);
  const subscribed = await send('POST', `${path}/datasets/game/subscriptions/${deviceId}`);
  expect(subscribed).toMatchObject({ status: 200 });
  return {
    ...identity,
    send,
    deviceId,
    syncSessionToken: String(records.body.SyncSessionToken),
    recordsPage: String(records.body.NextToken),
    datasetsPage: String(datasets.body.NextToken),
  };
}

const devicePath = ({ IdentityPoolId, IdentityId }: Identity) =>
  `/identitypools/${encode(IdentityPoolId)}/identity/${encode(IdentityId)}/device`;

/** Valid bodies of the operations that need one. */
const BODIES: Readonly<Record<string, object>> = {
  RegisterDevice: { Platform: 'GCM', Token: 'a phone' },
  SetCognitoEvents: { Events: { SyncTrigger: '' } },
  SetIdentityPoolConfiguration: { CognitoStreams: { StreamingStatus: 'DISABLED' } },
};

const PATCH = { Op: 'replace', Key: 'level', Value: 'stolen', SyncCount: 1 };

let ann: Person;
let bob: Person;
let before: string;

/** Returns all data of a person as the person sees it, without the session tokens, which change on every read. */
async function stateOf(person: Person): Promise<string> {
  const path = pathOf(person);
  const paths = [path, `${path}/datasets`, ...DATASETS.map((name) => `${path}/datasets/${name}/records`)];
  const results = await Promise.all(paths.map((read) => person.send('GET', read)));
  return JSON.stringify(results.map(({ status, body }) => [status, { ...body, SyncSessionToken: null }]));
}

beforeAll(async () => {
  const pools = createPoolStore(cloud.database);
  const pool = await pools.readPool(POOL);
  if (pool === null) throw new Error('the first pool does not exist');
  await pools.changePool({ ...pool, pushSync: PUSH });
  ann = await createPerson('Ann');
  bob = await createPerson('Bob');
  before = await stateOf(bob);
});

function bodyOf(name: string, token: string): object | undefined {
  if (name === 'UpdateRecords') return { SyncSessionToken: token, RecordPatches: [PATCH] };
  return BODIES[name];
}

type Target = (labels: Readonly<Record<string, string>>) => string;

const OPERATIONS = API_OPERATIONS.map(({ name, method, path }) => {
  const target: Target = (labels) =>
    `/${path.map((part) => ('word' in part ? part.word : encode(labels[part.label] ?? ''))).join('/')}`;
  const isOfIdentity = path.some((part) => 'label' in part && part.label === 'IdentityId');
  return { name, method, target, isOfIdentity };
});

const labelsOf = ({ IdentityPoolId, IdentityId, deviceId: DeviceId }: Person) => ({
  IdentityPoolId,
  IdentityId,
  DeviceId,
  DatasetName: 'game',
});

describe.each(OPERATIONS)('$name by another identity', ({ name, method, target }) => {
  it('is rejected with the same error for existing and unknown resources', async () => {
    const body = bodyOf(name, bob.syncSessionToken);
    const existing = await ann.send(method, target(labelsOf(bob)), body);
    expect(existing).toMatchObject({ status: 403, code: 'NotAuthorizedException' });
    const unknownResource = {
      IdentityPoolId: POOL,
      IdentityId: `us-east-1:${randomUUID()}`,
      DatasetName: 'nothing',
      DeviceId: randomUUID(),
    };
    expect((await ann.send(method, target(unknownResource), body)).text).toBe(existing.text);
  });

  it('is rejected for the id of the caller itself in another pool', async () => {
    const otherPool = await createPool(cloud.database, `us-east-1:${randomUUID()}`);
    const labels = { ...labelsOf(ann), IdentityPoolId: otherPool };
    expect(await ann.send(method, target(labels), bodyOf(name, ann.syncSessionToken))).toMatchObject({
      status: 403,
      code: 'NotAuthorizedException',
    });
  });
});

describe.each(OPERATIONS.filter(({ isOfIdentity }) => isOfIdentity))(
  '$name with an id that resembles the caller’s own',
  ({ name, method, target }) => {
    it.each<[string, (own: string, other: string) => string]>([
      ['a parent path after the own id', (own, other) => `${own}/../${other}`],
      ['a parent path before the own id', (own, other) => `${other}/../${own}`],
      ['both ids', (own, other) => `${own},${other}`],
      ['the own id in upper case', (own) => own.toUpperCase()],
      ['the own id with a space', (own) => `${own} `],
      ['the own id with a zero-width space', (own) => `${own}\u200b`],
    ])('is rejected: %s', async (_, disguise) => {
      const labels = { ...labelsOf(bob), IdentityId: disguise(ann.IdentityId, bob.IdentityId) };
      const { code } = await ann.send(method, target(labels), bodyOf(name, bob.syncSessionToken));
      expect(['InvalidParameterException', 'NotAuthorizedException']).toContain(code);
    });
  },
);

describe("Bob's token in Ann's own requests", () => {
  const own = (path: string) => `${pathOf(ann)}${path}`;
  it.each<[string, () => Promise<Result>]>([
    [
      'an update',
      () =>
        ann.send('POST', own('/datasets/game'), {
          SyncSessionToken: bob.syncSessionToken,
          RecordPatches: [PATCH],
        }),
    ],
    [
      'a listing',
      () => ann.send('GET', own(`/datasets/game/records?syncSessionToken=${encode(bob.syncSessionToken)}`)),
    ],
    [
      'the next page of records',
      () => ann.send('GET', own(`/datasets/game/records?nextToken=${encode(bob.recordsPage)}`)),
    ],
    [
      'the next page of datasets',
      () => ann.send('GET', own(`/datasets?nextToken=${encode(bob.datasetsPage)}`)),
    ],
  ])('is rejected: %s', async (_, sendToken) => {
    expect(await sendToken()).toMatchObject({ status: 400, code: 'InvalidParameterException' });
  });

  it("is rejected like Ann's own token of another dataset", async () => {
    const update = { SyncSessionToken: ann.syncSessionToken, RecordPatches: [PATCH] };
    expect(await ann.send('POST', own('/datasets/settings'), update)).toMatchObject({ status: 400 });
  });

  it.each(['POST', 'DELETE'])("is rejected like Bob's device: %s of its subscription", async (method) => {
    const path = own(`/datasets/game/subscriptions/${bob.deviceId}`);
    expect(await ann.send(method, path)).toMatchObject({ status: 404, code: 'ResourceNotFoundException' });
  });
});

describe('after all attempts', () => {
  it('Bob has the same data and can still use his tokens and his device', async () => {
    expect(await stateOf(bob)).toBe(before);
    const page = await bob.send(
      'GET',
      `${pathOf(bob)}/datasets/game/records?nextToken=${encode(bob.recordsPage)}`,
    );
    expect(page).toMatchObject({ status: 200 });
    const update = { SyncSessionToken: bob.syncSessionToken, RecordPatches: [{ ...PATCH, Value: 'own' }] };
    expect(await bob.send('POST', `${pathOf(bob)}/datasets/game`, update)).toMatchObject({ status: 200 });
    const unsubscribed = await bob.send(
      'DELETE',
      `${pathOf(bob)}/datasets/game/subscriptions/${bob.deviceId}`,
    );
    expect(unsubscribed).toMatchObject({ status: 200 });
  });

  it('the pool has the same settings', async () => {
    const pool = await createPoolStore(cloud.database).readPool(POOL);
    expect(pool).toMatchObject({ streams: { status: 'ENABLED' }, pushSync: PUSH });
    expect(pool?.syncTrigger).not.toBeNull();
  });
});
