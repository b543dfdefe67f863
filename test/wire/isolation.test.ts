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

// Two people, Ann and Bob, each with the credentials of an own identity. Ann asks for what is Bob's, in every operation
// that there is, and with every token of his that she could have got hold of.

const { cloud } = await openSharedCloud();

const PUSH = { applicationArns: ['arn:aws:sns:us-east-1:000000000000:app/GCM/game'], roleArn: null };
const DATASETS = ['game', 'settings', 'third'];
const KEYS = ['level', 'score', 'name'];

interface Person extends Identity {
  ask: Ask;
  deviceId: string;
  syncSessionToken: string;
  recordsPage: string;
  datasetsPage: string;
}

interface Answer {
  status: number;
  code: string;
  body: Record<string, unknown>;
  /** What came, without the id of the request. */
  text: string;
}

type Ask = (method: string, path: string, body?: object) => Promise<Answer>;

function asking(on: LocalCloud, credentials: Awaited<ReturnType<typeof credentialsOf>>): Ask {
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

/** Somebody with three datasets of three records each, a device that subscribes to one, and tokens of all kinds. */
async function createPerson(name: string): Promise<Person> {
  const identity = newIdentity();
  const ask = asking(cloud, await credentialsOf(cloud, identity));
  const path = pathOf(identity);
  for (const dataset of DATASETS) {
    const { body } = await ask('GET', `${path}/datasets/${dataset}/records`);
    const patches = KEYS.map((Key) => ({ Op: 'replace', Key, Value: `${name}'s ${Key}`, SyncCount: 0 }));
    const update = { SyncSessionToken: body.SyncSessionToken, RecordPatches: patches };
    expect(await ask('POST', `${path}/datasets/${dataset}`, update)).toMatchObject({ status: 200 });
  }
  const records = await ask('GET', `${path}/datasets/game/records?maxResults=1`);
  const datasets = await ask('GET', `${path}/datasets?maxResults=1`);
  const device = await ask('POST', devicePath(identity), { Platform: 'GCM', Token: `${name}'s phone` });
  const deviceId = String(device.body.DeviceId);
  const subscribed = await ask('POST', `${path}/datasets/game/subscriptions/${deviceId}`);
  expect(subscribed).toMatchObject({ status: 200 });
  return {
    ...identity,
    ask,
    deviceId,
    syncSessionToken: String(records.body.SyncSessionToken),
    recordsPage: String(records.body.NextToken),
    datasetsPage: String(datasets.body.NextToken),
  };
}

const devicePath = ({ IdentityPoolId, IdentityId }: Identity) =>
  `/identitypools/${encode(IdentityPoolId)}/identity/${encode(IdentityId)}/device`;

/** Bodies that each operation would take. */
const BODIES: Readonly<Record<string, object>> = {
  RegisterDevice: { Platform: 'GCM', Token: 'a phone' },
  SetCognitoEvents: { Events: { SyncTrigger: '' } },
  SetIdentityPoolConfiguration: { CognitoStreams: { StreamingStatus: 'DISABLED' } },
};

const PATCH = { Op: 'replace', Key: 'level', Value: 'stolen', SyncCount: 1 };

let ann: Person;
let bob: Person;
let before: string;

/** All that Bob has, as he sees it, without what is new at each look. */
async function stateOf(person: Person): Promise<string> {
  const path = pathOf(person);
  const looks = [path, `${path}/datasets`, ...DATASETS.map((name) => `${path}/datasets/${name}/records`)];
  const answers = await Promise.all(looks.map((look) => person.ask('GET', look)));
  return JSON.stringify(answers.map(({ status, body }) => [status, { ...body, SyncSessionToken: null }]));
}

beforeAll(async () => {
  const pools = createPoolStore(cloud.database);
  const pool = await pools.readPool(POOL);
  if (pool === null) throw new Error('the first pool is not there');
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

describe.each(OPERATIONS)('$name, asked by somebody else', ({ name, method, target }) => {
  it('is refused for what is there and for what is not, in the same words', async () => {
    const body = bodyOf(name, bob.syncSessionToken);
    const there = await ann.ask(method, target(labelsOf(bob)), body);
    expect(there).toMatchObject({ status: 403, code: 'NotAuthorizedException' });
    const nowhere = {
      IdentityPoolId: POOL,
      IdentityId: `us-east-1:${randomUUID()}`,
      DatasetName: 'nothing',
      DeviceId: randomUUID(),
    };
    expect((await ann.ask(method, target(nowhere), body)).text).toBe(there.text);
  });

  it('is refused under the own name in another pool', async () => {
    const otherPool = await createPool(cloud.database, `us-east-1:${randomUUID()}`);
    const labels = { ...labelsOf(ann), IdentityPoolId: otherPool };
    expect(await ann.ask(method, target(labels), bodyOf(name, ann.syncSessionToken))).toMatchObject({
      status: 403,
      code: 'NotAuthorizedException',
    });
  });
});

describe.each(OPERATIONS.filter(({ isOfIdentity }) => isOfIdentity))(
  '$name, asked under a name that only looks like the own one,',
  ({ name, method, target }) => {
    it.each<[string, (own: string, other: string) => string]>([
      ['a way up from the own one', (own, other) => `${own}/../${other}`],
      ['a way up to the own one', (own, other) => `${other}/../${own}`],
      ['both', (own, other) => `${own},${other}`],
      ['in capitals', (own) => own.toUpperCase()],
      ['with a space', (own) => `${own} `],
      ['with a space of no width', (own) => `${own}\u200b`],
    ])('is refused: %s', async (_, disguise) => {
      const labels = { ...labelsOf(bob), IdentityId: disguise(ann.IdentityId, bob.IdentityId) };
      const answer = await ann.ask(method, target(labels), bodyOf(name, bob.syncSessionToken));
      expect(['InvalidParameterException', 'NotAuthorizedException']).toContain(answer.code);
    });
  },
);

describe("somebody else's token, in one's own requests,", () => {
  const own = (path: string) => `${pathOf(ann)}${path}`;
  it.each<[string, () => Promise<Answer>]>([
    [
      'for an update',
      () =>
        ann.ask('POST', own('/datasets/game'), {
          SyncSessionToken: bob.syncSessionToken,
          RecordPatches: [PATCH],
        }),
    ],
    [
      'for a listing',
      () => ann.ask('GET', own(`/datasets/game/records?syncSessionToken=${encode(bob.syncSessionToken)}`)),
    ],
    [
      'for the next page of records',
      () => ann.ask('GET', own(`/datasets/game/records?nextToken=${encode(bob.recordsPage)}`)),
    ],
    [
      'for the next page of datasets',
      () => ann.ask('GET', own(`/datasets?nextToken=${encode(bob.datasetsPage)}`)),
    ],
  ])('is good for nothing: %s', async (_, ask) => {
    expect(await ask()).toMatchObject({ status: 400, code: 'InvalidParameterException' });
  });

  it("is good for nothing: the one of another dataset of one's own", async () => {
    const update = { SyncSessionToken: ann.syncSessionToken, RecordPatches: [PATCH] };
    expect(await ann.ask('POST', own('/datasets/settings'), update)).toMatchObject({ status: 400 });
  });

  it.each(['POST', 'DELETE'])("and device: %s of a subscription for Bob's", async (method) => {
    const path = own(`/datasets/game/subscriptions/${bob.deviceId}`);
    expect(await ann.ask(method, path)).toMatchObject({ status: 404, code: 'ResourceNotFoundException' });
  });
});

describe('in the end', () => {
  it('Bob has what he had, and can still use his tokens and his device', async () => {
    expect(await stateOf(bob)).toBe(before);
    const page = await bob.ask(
      'GET',
      `${pathOf(bob)}/datasets/game/records?nextToken=${encode(bob.recordsPage)}`,
    );
    expect(page).toMatchObject({ status: 200 });
    const update = { SyncSessionToken: bob.syncSessionToken, RecordPatches: [{ ...PATCH, Value: 'own' }] };
    expect(await bob.ask('POST', `${pathOf(bob)}/datasets/game`, update)).toMatchObject({ status: 200 });
    const unsubscribed = await bob.ask(
      'DELETE',
      `${pathOf(bob)}/datasets/game/subscriptions/${bob.deviceId}`,
    );
    expect(unsubscribed).toMatchObject({ status: 200 });
  });

  it('the pool is set up as it was', async () => {
    const pool = await createPoolStore(cloud.database).readPool(POOL);
    expect(pool).toMatchObject({ streams: { status: 'ENABLED' }, pushSync: PUSH });
    expect(pool?.syncTrigger).not.toBeNull();
  });
});
