import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
  GetOpenIdTokenForDeveloperIdentityCommand,
} from '@aws-sdk/client-cognito-identity';
import {
  type CognitoSyncClient,
  RegisterDeviceCommand,
  SetIdentityPoolConfigurationCommand,
} from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { handler as bridgeOrigin } from '../../functions/bridge-origin.ts';
import { handler as checkOrigin } from '../../functions/check-origin.ts';
import { handler as followOrigin } from '../../functions/follow-origin.ts';
import { openCheckpointFile } from '../../infra/local/event-source-mapping/checkpoint-file.ts';
import { deployedMappingSettings } from '../../infra/local/event-source-mapping/deployed-mapping-settings.ts';
import {
  type EventSourceMapping,
  startEventSourceMapping,
} from '../../infra/local/event-source-mapping/event-source-mapping.ts';
import { createFailureDirectory } from '../../infra/local/event-source-mapping/failure-destination.ts';
import { createLambdaContext } from '../../infra/local/lambda-context.ts';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { createKinesisClient } from '../../lib/aws/kinesis-client.ts';
import { createKinesisReader } from '../../lib/aws/kinesis-reader.ts';
import { createLogger } from '../../lib/aws/telemetry.ts';
import { DEFAULT_CREDENTIALS } from '../../lib/common/environment.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import {
  DEVELOPER_PROVIDER,
  type OriginAndTarget,
  startOriginAndTarget,
} from '../fixtures/local/origin-and-target.ts';
import { type FcmServer, startFcmServer } from '../fixtures/push/fcm-server.ts';
import { GCM_APP, subscribe } from '../fixtures/sync/push-devices.ts';
import { startFunctionCloud } from '../fixtures/wire/function-cloud.ts';
import { createSyncClient, list, remove, set, write } from '../fixtures/wire/sync-client.ts';

const REGION = 'us-east-1';
const STREAM = 'cognito-sync';
const DEVELOPER = { accessKeyId: 'TARGET', secretAccessKey: 'secret-of-the-target' };
// Takes only these two members, because an AWS client adds members to a credentials object that it receives.
const { accessKeyId, secretAccessKey } = DEFAULT_CREDENTIALS;
const ORIGIN_KEYS = JSON.stringify({
  developers: [{ accessKeyId, secretAccessKey }],
  tokenKeys: [Buffer.alloc(32, 3).toString('base64')],
});
const LIMIT = { timeout: 40_000, interval: 300 };

describe('a migration to the functions in AWS', () => {
  let both: OriginAndTarget;
  let fcm: FcmServer;
  let mapping: EventSourceMapping;
  let pool: string;
  let sync: CognitoSyncClient;
  let identity: CognitoIdentityClient;

  /** Starts the packaged `service-api` with the variables of a migration, which the other functions read too. */
  async function openTarget(originUrl: string): Promise<LocalCloud> {
    const PUSH_PROVIDERS = JSON.stringify({ [GCM_APP]: fcm.provider });
    const env = { ORIGIN_STREAM: STREAM, ORIGIN_ENDPOINT_URL: originUrl, ORIGIN_KEYS, PUSH_PROVIDERS };
    const SERVICE_KEYS = JSON.stringify({
      developers: [DEVELOPER],
      tokenKeys: [Buffer.alloc(32, 7).toString('base64')],
    });
    const target = await startFunctionCloud({ env: { ...env, SERVICE_KEYS } });
    const own = {
      DATABASE_URL: target.sqlUrl,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: DEFAULT_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: DEFAULT_CREDENTIALS.secretAccessKey,
      AWS_ENDPOINT_URL_KINESIS: originUrl,
      PAYLOAD_ORIGIN: originUrl,
    };
    for (const [name, value] of Object.entries({ ...env, ...own })) vi.stubEnv(name, value);
    return target;
  }

  /** Starts a stand-in for Lambda's event source mapping on the stream of the origin. */
  async function startMapping(originUrl: string): Promise<EventSourceMapping> {
    const directory = await mkdtemp(join(inject('runFolder'), 'mapping-'));
    return startEventSourceMapping({
      reader: createKinesisReader(
        createKinesisClient({ region: REGION, endpoint: originUrl, credentials: DEFAULT_CREDENTIALS }),
      ),
      streamName: STREAM,
      streamArn: `arn:aws:kinesis:${REGION}:123456789012:stream/${STREAM}`,
      region: REGION,
      functionName: 'follow-origin',
      settings: deployedMappingSettings(),
      invoke: (event) => followOrigin(event, createLambdaContext('follow-origin', REGION)),
      checkpoints: await openCheckpointFile({
        directory,
        functionName: 'follow-origin',
        streamName: STREAM,
      }),
      failures: createFailureDirectory({ directory, mappingUuid: 'uuid' }),
      logger: createLogger('mapping'),
    });
  }

  beforeAll(async () => {
    let originUrl: string | undefined;
    fcm = await startFcmServer();
    both = await startOriginAndTarget(
      async (options) => {
        if (originUrl !== undefined) return openTarget(originUrl);
        const origin = await startCloud({ ...options });
        originUrl = origin.url;
        return origin;
      },
      { follows: true },
    );
    const credentials = { ...DEVELOPER };
    const { url } = both.target.cloud;
    sync = createSyncClient(url, { credentials });
    identity = new CognitoIdentityClient({ region: REGION, endpoint: url, credentials: { ...DEVELOPER } });
    mapping = await startMapping(both.origin.cloud.url);
    pool = await both.newPool();
  }, 120_000);
  afterAll(async () => {
    await mapping.close();
    sync.destroy();
    identity.destroy();
    await both.close();
    await fcm.close();
    vi.unstubAllEnvs();
  });

  const at = (id: string) => ({ IdentityPoolId: pool, IdentityId: id });
  const copy = async () =>
    expect(await both.run(['move', 'copy', '--pool', pool, '--rate', '1000'])).toMatchObject({ exitCode: 0 });
  const status = async () => {
    const { lines } = await both.run(['move', 'status', '--pool', pool, '--json']);
    return JSON.parse(lines[0] ?? '').identityPools[0];
  };
  const live = async (client: CognitoSyncClient, id: string) => {
    const { Records = [] } = await list(client, at(id), 'game');
    const values = Records.flatMap(({ Key = '', Value }) => (Value === undefined ? [] : [[Key, Value]]));
    return Object.fromEntries(values);
  };
  const bridge = () => bridgeOrigin({}, createLambdaContext('bridge-origin', REGION));
  const check = () => checkOrigin({}, createLambdaContext('check-origin', REGION));
  /** Runs the bridge until both sides have these records. */
  const expectBoth = (id: string, expected: Record<string, string>) =>
    vi.waitFor(async () => {
      await bridge();
      expect([await live(both.origin.sync, id), await live(sync, id)]).toEqual([expected, expected]);
    }, LIMIT);

  /** Creates the client of a new app version. Its request for credentials makes the target take the guest over. */
  async function openDevice(guest: string): Promise<CognitoSyncClient> {
    const { Credentials } = await identity.send(new GetCredentialsForIdentityCommand({ IdentityId: guest }));
    return createSyncClient(both.target.cloud.url, {
      credentials: {
        accessKeyId: Credentials?.AccessKeyId ?? '',
        secretAccessKey: Credentials?.SecretKey ?? '',
        sessionToken: Credentials?.SessionToken ?? '',
      },
    });
  }

  it('follows the stream of the origin, and knows up to when all events are applied', async () => {
    const guest = await both.newGuest(pool);
    await write(both.origin.sync, at(guest), 'game', [set('score', '1')]);
    await copy();
    await write(both.origin.sync, at(guest), 'game', [set('score', '2', 1)]);
    const player = await both.logIn(pool, 'ada');
    await write(both.origin.sync, at(player), 'game', [set('score', '3')]);
    await vi.waitFor(async () => {
      expect(await live(sync, guest)).toEqual({ score: '2' });
      expect(await live(sync, player)).toEqual({ score: '3' });
    }, LIMIT);
    expect(await check()).toEqual({ pools: 1, notFollowed: 0, withGap: 0, lagMs: 0 });
    expect(await status()).toMatchObject({ eventsMissingSince: null, takenOver: 0 });
    expect(Date.parse((await status()).caughtUpTo)).toBeGreaterThan(Date.now() - 120_000);
  });

  it('takes an identity over at its first request, and then keeps both sides equal', async () => {
    const guest = await both.newGuest(pool);
    await write(both.origin.sync, at(guest), 'game', [set('score', '1'), set('level', '1')]);
    await copy();
    const device = await openDevice(guest);
    expect((await status()).takenOver).toBe(1);
    const { DatasetSyncCount } = await list(device, at(guest), 'game');
    await write(device, at(guest), 'game', [set('score', '2', DatasetSyncCount)]);
    device.destroy();
    await expectBoth(guest, { score: '2', level: '1' });
    const there = await list(both.origin.sync, at(guest), 'game');
    const counts = new Map(there.Records?.map(({ Key, SyncCount }) => [Key, SyncCount]));
    await write(both.origin.sync, at(guest), 'game', [
      remove('level', counts.get('level') ?? 0),
      set('new', '3'),
    ]);
    await expectBoth(guest, { score: '2', new: '3' });
  });

  it('notifies devices of a change at the origin, and sends a failed push message again before it ends', async () => {
    const guest = await both.newGuest(pool);
    await write(both.origin.sync, at(guest), 'game', [set('score', '1')]);
    await copy();
    const PushSync = { ApplicationArns: [GCM_APP] };
    await sync.send(new SetIdentityPoolConfigurationCommand({ IdentityPoolId: pool, PushSync }));
    const client = await openDevice(guest);
    const phone = new RegisterDeviceCommand({ ...at(guest), Platform: 'GCM', Token: 'fcm:token' });
    const { DeviceId = '' } = await client.send(phone);
    await subscribe({ identity: at(guest), client }, 'game', DeviceId);
    client.destroy();
    fcm.responses.push({ status: 503 });
    await write(both.origin.sync, at(guest), 'game', [set('score', '2', 1)]);
    await vi.waitFor(async () => {
      await bridge();
      expect(fcm.requests).not.toEqual([]);
    }, LIMIT);
    expect(fcm.requests).toHaveLength(2);
  });

  it('finds the identity of a developer user at the origin, and creates a new guest at the origin too', async () => {
    const player = await both.logIn(pool, 'grace');
    const Logins = { [DEVELOPER_PROVIDER]: 'grace' };
    const logIn = new GetOpenIdTokenForDeveloperIdentityCommand({ IdentityPoolId: pool, Logins });
    expect((await identity.send(logIn)).IdentityId).toBe(player);
    const { IdentityId = '' } = await identity.send(new GetIdCommand({ IdentityPoolId: pool }));
    await write(both.origin.sync, at(IdentityId), 'game', [set('score', '1')]);
    await vi.waitFor(async () => expect(await live(sync, IdentityId)).toEqual({ score: '1' }), LIMIT);
  });

  it('follows and bridges no pool after move finish', async () => {
    await copy();
    const finish = ['move', 'finish', '--pool', pool, '--quiet-for', '0s', '--rate', '1000'];
    await vi.waitFor(async () => {
      await bridge();
      const finishing = both.run(finish);
      // The command waits for the bridge, which AWS invokes on a schedule.
      while ((await Promise.race([finishing, sleep(LIMIT.interval)])) === undefined) await bridge();
      expect(await finishing).toMatchObject({ exitCode: 0 });
    }, LIMIT);
    expect(await check()).toEqual({ pools: 0, notFollowed: 0, withGap: 0, lagMs: null });
    expect(await bridge()).toEqual({ bridged: 0, postponed: 0 });
  });
});
