import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
  GetOpenIdTokenForDeveloperIdentityCommand,
  UpdateIdentityPoolCommand,
} from '@aws-sdk/client-cognito-identity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { createPayloadLinks } from '../../lib/sync/payload-links.ts';
import { startEmbeddedCloud } from '../fixtures/local/local-cloud.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { ownAddress } from '../fixtures/wire/own-address.ts';
import { sendRaw } from '../fixtures/wire/raw-http.ts';
import { createSyncClient, list, set, write } from '../fixtures/wire/sync-client.ts';

const address = ownAddress();
if (address === undefined) {
  console.log('skipped: the local cloud off loopback (this machine has no other address)');
}

const DEVELOPER = { accessKeyId: 'own', secretAccessKey: 'own' };
const OWN_PROVIDER = 'cognito-identity.amazonaws.com';

describe.skipIf(address === undefined)('a local cloud reachable from other machines', () => {
  let cloud: LocalCloud;
  let origin: string;
  let identities: CognitoIdentityClient;

  beforeAll(async () => {
    cloud = await startEmbeddedCloud({ host: '0.0.0.0', credentials: DEVELOPER });
    origin = `http://${address}:${new URL(cloud.url).port}`;
    identities = new CognitoIdentityClient({
      region: 'us-east-1',
      endpoint: origin,
      credentials: { ...DEVELOPER },
    });
  });
  afterAll(async () => {
    identities.destroy();
    await cloud.close();
  });

  async function credentialsFor(input: { IdentityId: string; Logins?: Record<string, string> }) {
    const { Credentials } = await identities.send(new GetCredentialsForIdentityCommand(input));
    const { AccessKeyId = '', SecretKey = '', SessionToken = '' } = Credentials ?? {};
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretKey, sessionToken: SessionToken };
  }

  async function sync(IdentityId: string, credentials: Awaited<ReturnType<typeof credentialsFor>>) {
    const client = createSyncClient(origin, { credentials });
    const identity = { IdentityPoolId: POOL, IdentityId };
    await write(client, identity, 'game', [set('level', '7')]);
    const { Records } = await list(client, identity, 'game');
    client.destroy();
    return Records;
  }

  it('lets guests sync on its network address', async () => {
    const { IdentityId = '' } = await identities.send(new GetIdCommand({ IdentityPoolId: POOL }));
    const records = await sync(IdentityId, await credentialsFor({ IdentityId }));
    expect(records).toMatchObject([{ Key: 'level', Value: '7', LastModifiedBy: IdentityId }]);
  });

  it('rejects logins of providers that the pool does not accept', async () => {
    const Logins = { 'graph.facebook.com': 'a token' };
    const getId = identities.send(new GetIdCommand({ IdentityPoolId: POOL, Logins }));
    await expect(getId).rejects.toMatchObject({
      name: 'NotAuthorizedException',
      message: 'Token is not from a supported provider of this identity pool.',
    });
    const { IdentityId = '' } = await identities.send(new GetIdCommand({ IdentityPoolId: POOL }));
    await expect(credentialsFor({ IdentityId, Logins })).rejects.toMatchObject({
      name: 'NotAuthorizedException',
    });
  });

  it('accepts a user that the developer authenticated', async () => {
    const settings = {
      IdentityPoolId: POOL,
      IdentityPoolName: 'players',
      AllowUnauthenticatedIdentities: true,
    };
    await identities.send(
      new UpdateIdentityPoolCommand({ ...settings, DeveloperProviderName: 'login.example' }),
    );
    const getToken = new GetOpenIdTokenForDeveloperIdentityCommand({
      IdentityPoolId: POOL,
      Logins: { 'login.example': 'joe' },
    });
    const { IdentityId = '', Token = '' } = await identities.send(getToken);
    const credentials = await credentialsFor({ IdentityId, Logins: { [OWN_PROVIDER]: Token } });
    expect(await sync(IdentityId, credentials)).toMatchObject([{ Key: 'level', Value: '7' }]);
    await expect(credentialsFor({ IdentityId })).rejects.toMatchObject({ name: 'NotAuthorizedException' });
  });

  it.each([
    ['GET', '/push/00000000-0000-4000-8000-000000000001', {}],
    ['POST', '/', { 'X-Amz-Target': 'Kinesis_20131202.ListStreams' }],
  ])('does not serve %s %s on its network address', async (method, target, headers) => {
    const { port } = new URL(origin);
    expect(await sendRaw(Number(port), method, target, headers, '{}', address)).toMatchObject({
      status: 404,
    });
    const onLoopback = await sendRaw(Number(port), method, target, headers, '{}');
    expect(onLoopback.body).not.toContain('no service has this path');
  });

  it('serves a liveness check on its network address, and details only on loopback', async () => {
    const port = Number(new URL(origin).port);
    expect(await sendRaw(port, 'GET', '/healthz', {}, '', address)).toMatchObject({
      status: 200,
      body: '{"status":"ok"}',
    });
    // Some monitors add a query, so that no cache answers.
    expect(await sendRaw(port, 'GET', '/healthz?x=1', {}, '', address)).toMatchObject({ status: 200 });
    const onLoopback = await sendRaw(port, 'GET', '/healthz?x=1');
    expect(Object.keys(JSON.parse(onLoopback.body))).toEqual(
      expect.arrayContaining(['pid', 'database', 'mappings', 'schedules']),
    );
  });

  it('answers HEAD like GET, but without a body, for monitors that read only the status', async () => {
    const port = Number(new URL(origin).port);
    const onLoopback = await sendRaw(port, 'HEAD', '/healthz');
    expect(onLoopback).toMatchObject({ status: 200, body: '' });
    expect(onLoopback.headerLines).toContain('Content-Type: application/json');
    expect(await sendRaw(port, 'HEAD', '/healthz', {}, '', address)).toMatchObject({ status: 200, body: '' });
  });

  it('serves payloads on its network address to clients with a signed link', async () => {
    const links = createPayloadLinks({
      keys: [await readFile(join(cloud.dataDir, 'token-key'))],
      origin: () => origin,
      now: Date.now,
      randomId: randomUUID,
    });
    const { payloadId, url, expiresAt } = links.create();
    await cloud.database.query('INSERT INTO sync.payloads VALUES ($1, $2, $3)', [payloadId, '[]', expiresAt]);
    expect(await (await fetch(url)).text()).toBe('[]');
    expect((await fetch(url.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')))).status).toBe(403);
  });

  it('serves SQL only on the loopback address', () => {
    expect(new URL(cloud.sqlUrl).hostname).toBe('127.0.0.1');
    expect(new URL(cloud.url).hostname).toBe('127.0.0.1');
  });
});
