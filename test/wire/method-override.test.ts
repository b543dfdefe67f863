import { describe, expect, it } from 'vitest';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import { askSigned } from '../fixtures/wire/signing.ts';
import { type Identity, list, newIdentity, set, write } from '../fixtures/wire/sync-client.ts';

const { cloud, client } = await openSharedCloud();

const OVERRIDE = { 'X-HTTP-Method-Override': 'DELETE' };
const pathOf = ({ IdentityPoolId, IdentityId }: Identity) =>
  `/identitypools/${encodeURIComponent(IdentityPoolId)}/identities/${encodeURIComponent(IdentityId)}/datasets/game`;

async function newGame() {
  const identity = newIdentity();
  await write(client, identity, 'game', [set('level', '7')]);
  return {
    identity,
    path: pathOf(identity),
    exists: async () => (await list(client, identity, 'game')).DatasetExists,
  };
}

/** Returns the body of an update of the dataset, with a new session token. */
async function updateOf(identity: Identity): Promise<string> {
  const { SyncSessionToken } = await list(client, identity, 'game');
  return JSON.stringify({ SyncSessionToken, RecordPatches: [set('level', '8', 1)] });
}

describe('X-HTTP-Method-Override', () => {
  it('makes a POST request delete a dataset if DELETE was signed, as in requests of the Unity SDK', async () => {
    const { path, exists } = await newGame();
    const response = await askSigned(cloud.url, 'DELETE', path, {
      headers: OVERRIDE,
      body: '{}',
      sendAs: 'POST',
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ Dataset: { DatasetName: 'game', NumRecords: 1 } });
    expect(await exists()).toBe(false);
  });

  it('is required if the request was signed with a method other than the method that is sent', async () => {
    const { path, exists } = await newGame();
    const response = await askSigned(cloud.url, 'DELETE', path, { body: '{}', sendAs: 'POST' });
    expect(response.status).toBe(403);
    expect(response.headers.get('x-amzn-ErrorType')).toBe('InvalidSignatureException:');
    expect(await exists()).toBe(true);
  });

  it('has no effect if it was added after the request was signed', async () => {
    const { identity, path, exists } = await newGame();
    const response = await askSigned(cloud.url, 'POST', path, {
      body: await updateOf(identity),
      unsignedHeaders: OVERRIDE,
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ Records: [{ Key: 'level', Value: '8' }] });
    expect(await exists()).toBe(true);
  });

  it('has no effect on a method other than POST', async () => {
    const { path, exists } = await newGame();
    const response = await askSigned(cloud.url, 'GET', path, { headers: OVERRIDE });
    expect(response.status).toBe(200);
    expect(await exists()).toBe(true);
  });

  it('must contain the method that was signed', async () => {
    const { identity, path, exists } = await newGame();
    const response = await askSigned(cloud.url, 'POST', path, {
      headers: OVERRIDE,
      body: await updateOf(identity),
    });
    expect(response.status).toBe(403);
    expect(await exists()).toBe(true);
  });

  it.each(['PATCH', 'delete', 'DELETE, POST', ''])('answers 404 for the method "%s"', async (method) => {
    const { path, exists } = await newGame();
    const headers = { 'X-HTTP-Method-Override': method };
    const response = await askSigned(cloud.url, method, path, { headers, body: '{}', sendAs: 'POST' });
    expect(response.status).toBe(404);
    expect(response.headers.get('x-amzn-ErrorType')).toBe('UnknownOperationException:');
    expect(await exists()).toBe(true);
  });
});
