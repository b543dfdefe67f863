import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
  GetOpenIdTokenForDeveloperIdentityCommand,
  UpdateIdentityPoolCommand,
} from '@aws-sdk/client-cognito-identity';
import { type CognitoSyncClient, UpdateRecordsCommand } from '@aws-sdk/client-cognito-sync';
import { afterAll, describe, expect, inject, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import type { Credentials } from '../../lib/common/environment.ts';
import type { SigningKeys } from '../../lib/common/signed-text.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { createSyncClient, list, set } from '../fixtures/wire/sync-client.ts';

const OWN_PROVIDER = 'cognito-identity.amazonaws.com';
const PROVIDER = 'login.example.com';
const OLD: Credentials = { accessKeyId: 'OLD', secretAccessKey: 'the-old-secret' };
const NEW: Credentials = { accessKeyId: 'NEW', secretAccessKey: 'the-new-secret' };
const [OLD_KEY, NEW_KEY] = [randomBytes(32), randomBytes(32)];

interface Keys {
  credentials: Credentials;
  otherDevelopers: readonly Credentials[];
  tokenKeys: SigningKeys;
}

const BEFORE: Keys = { credentials: OLD, otherDevelopers: [], tokenKeys: [OLD_KEY] };
/** The keys after each step of a rotation. */
const STEPS: Record<'developer' | 'token', readonly Keys[]> = {
  developer: [
    { ...BEFORE, otherDevelopers: [NEW] },
    { ...BEFORE, credentials: NEW, otherDevelopers: [OLD] },
    { ...BEFORE, credentials: NEW },
  ],
  token: [
    { ...BEFORE, tokenKeys: [OLD_KEY, NEW_KEY] },
    { ...BEFORE, tokenKeys: [NEW_KEY, OLD_KEY] },
    { ...BEFORE, tokenKeys: [NEW_KEY] },
  ],
};

type SigningCredentials = Credentials & { sessionToken?: string };

/** Starts two services on one database. The calls alternate between the services that are running. */
async function startServices() {
  const databaseUrl = await createPostgresDatabase();
  const start = async (keys: Keys, dataDir?: string) => ({
    cloud: await startCloud({
      databaseUrl,
      dataDir: dataDir ?? (await mkdtemp(join(inject('runFolder'), 'rotate-keys-'))),
      ...keys,
    }),
    inFlight: 0,
  });
  // The services start one after the other, because the first one creates the pool.
  const services: { cloud: LocalCloud; inFlight: number }[] = [await start(BEFORE), await start(BEFORE)];
  const running = [...services];

  async function call<Result>(work: (url: string) => Promise<Result>): Promise<Result> {
    const service = running.shift();
    if (service === undefined) throw new Error('no service is running');
    running.push(service);
    service.inFlight += 1;
    try {
      return await work(service.cloud.url);
    } finally {
      service.inFlight -= 1;
    }
  }

  return {
    withSync: <Result>(
      credentials: SigningCredentials,
      work: (client: CognitoSyncClient) => Promise<Result>,
    ) =>
      call(async (endpoint) => {
        const client = createSyncClient(endpoint, { credentials, maxAttempts: 1 });
        return work(client).finally(() => client.destroy());
      }),
    withIdentity: <Result>(
      credentials: SigningCredentials,
      work: (client: CognitoIdentityClient) => Promise<Result>,
    ) =>
      call(async (endpoint) => {
        const client = new CognitoIdentityClient({
          region: 'us-east-1',
          endpoint,
          credentials,
          maxAttempts: 1,
        });
        return work(client).finally(() => client.destroy());
      }),
    /** Restarts one service as behind a load balancer: new calls go to the other service in the meantime. */
    async restart(index: number, keys: Keys) {
      const service = services[index];
      if (service === undefined) throw new Error(`no service ${index}`);
      running.splice(running.indexOf(service), 1);
      while (service.inFlight > 0) await sleep(5);
      await service.cloud.close();
      const restarted = await start(keys, service.cloud.dataDir);
      services[index] = restarted;
      running.push(restarted);
    },
    close: () => Promise.all(services.map(({ cloud }) => cloud.close())),
  };
}

type Services = Awaited<ReturnType<typeof startServices>>;

interface Tokens {
  IdentityId: string;
  openIdToken: string;
  credentials: SigningCredentials;
}

/** The app's backend and a device: the backend logs the user in, and the device syncs as this user. */
function createApp({ withSync, withIdentity }: Services) {
  const signedBy = { developer: OLD };
  let rounds = 0;

  async function logIn(): Promise<Pick<Tokens, 'IdentityId' | 'openIdToken'>> {
    const input = { IdentityPoolId: POOL, Logins: { [PROVIDER]: 'ada' } };
    const { IdentityId = '', Token = '' } = await withIdentity(signedBy.developer, (client) =>
      client.send(new GetOpenIdTokenForDeveloperIdentityCommand(input)),
    );
    return { IdentityId, openIdToken: Token };
  }

  async function getCredentials(IdentityId: string, openIdToken: string): Promise<SigningCredentials> {
    const Logins = { [OWN_PROVIDER]: openIdToken };
    const { Credentials: issued } = await withIdentity(signedBy.developer, (client) =>
      client.send(new GetCredentialsForIdentityCommand({ IdentityId, Logins })),
    );
    const { AccessKeyId = '', SecretKey = '', SessionToken = '' } = issued ?? {};
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretKey, sessionToken: SessionToken };
  }

  async function begin(): Promise<Tokens> {
    const { IdentityId, openIdToken } = await logIn();
    return { IdentityId, openIdToken, credentials: await getCredentials(IdentityId, openIdToken) };
  }

  /** Syncs with the tokens of the previous round, and returns the tokens of the next one. */
  async function sync({ IdentityId, openIdToken, credentials }: Tokens, round: number): Promise<Tokens> {
    const identity = { IdentityPoolId: POOL, IdentityId };
    const first = await withSync(credentials, (client) => list(client, identity, 'game', { MaxResults: 1 }));
    const { SyncSessionToken, NextToken } = first;
    if (NextToken !== undefined) {
      await withSync(credentials, (client) =>
        list(client, identity, 'game', { MaxResults: 1, SyncSessionToken, NextToken }),
      );
    }
    // Each round writes both records, so the sync count of each record is that of the dataset.
    const RecordPatches = ['level', 'score'].map((key) => set(key, String(round), first.DatasetSyncCount));
    const update = new UpdateRecordsCommand({
      ...identity,
      DatasetName: 'game',
      SyncSessionToken,
      RecordPatches,
    });
    await withSync(credentials, (client) => client.send(update));
    const next = await getCredentials(IdentityId, openIdToken);
    return { ...(await logIn()), credentials: next };
  }

  return {
    signedBy,
    begin,
    /** Syncs until `stopped` is aborted. @throws the first failed call */
    async run(stopped: AbortSignal): Promise<void> {
      let tokens = await begin();
      while (!stopped.aborted) {
        tokens = await sync(tokens, rounds);
        rounds += 1;
      }
    },
    /**
     * Waits until the device has synced several times, with calls to every service.
     * @throws the error of `running`
     */
    async someRounds(running: Promise<void>): Promise<void> {
      for (const until = rounds + 3; rounds < until; ) await Promise.race([sleep(10), running]);
    },
  };
}

describe('two services on one database', () => {
  const open: Services[] = [];
  afterAll(() => Promise.all(open.map((services) => services.close())));

  it.each(['developer', 'token'] as const)(
    'rotate a %s key without one failed call, and then reject the old key',
    { timeout: 180_000 },
    async (kind) => {
      const services = await startServices();
      open.push(services);
      const { withSync, withIdentity, restart } = services;
      const settings = {
        IdentityPoolId: POOL,
        IdentityPoolName: 'players',
        AllowUnauthenticatedIdentities: false,
        DeveloperProviderName: PROVIDER,
      };
      await withIdentity(OLD, (client) => client.send(new UpdateIdentityPoolCommand(settings)));
      const app = createApp(services);
      const before = await app.begin();
      const stop = new AbortController();
      const running = app.run(stop.signal);

      await app.someRounds(running);
      for (const keys of STEPS[kind]) {
        for (const index of [0, 1]) {
          await restart(index, keys);
          await app.someRounds(running);
        }
        // After the first step, all services accept the old and the new key, so the backend changes to the new one.
        if (kind === 'developer') app.signedBy.developer = NEW;
      }
      stop.abort();
      await running;

      const identity = { IdentityPoolId: POOL, IdentityId: before.IdentityId };
      const withOld = (credentials: SigningCredentials) =>
        withSync(credentials, (client) => list(client, identity, 'game'));
      if (kind === 'developer') {
        await expect(withOld(OLD)).rejects.toMatchObject({ name: 'UnrecognizedClientException' });
        expect((await withOld(NEW)).DatasetExists).toBe(true);
      } else {
        await expect(withOld(before.credentials)).rejects.toMatchObject({
          name: 'UnrecognizedClientException',
        });
        const Logins = { [OWN_PROVIDER]: before.openIdToken };
        const input = { IdentityId: before.IdentityId, Logins };
        await expect(
          withIdentity(OLD, (client) => client.send(new GetCredentialsForIdentityCommand(input))),
        ).rejects.toMatchObject({ name: 'NotAuthorizedException' });
      }
    },
  );
});
