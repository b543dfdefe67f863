import { randomUUID } from 'node:crypto';
import { DeleteDatasetCommand, SubscribeToDatasetCommand } from '@aws-sdk/client-cognito-sync';
import { beforeEach, describe, expect, it } from 'vitest';
import { newPool } from '../fixtures/identity/identity-pools.ts';
import {
  change,
  newDevice,
  newPerson,
  newSubscriber,
  type Person,
  subscribe,
} from '../fixtures/sync/push-devices.ts';
import { readPush } from '../fixtures/sync/push-readers.ts';
import { describeRefusals, type RefusedOperation } from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import { invalidParameter, refusalOf } from '../fixtures/wire/sync-client.ts';

const { cloud, client: developer } = await openSharedCloud();

const notFound = (message: string) => ({ name: 'ResourceNotFoundException', status: 404, message });

let person: Person;
beforeEach(async () => {
  person = await newPerson(cloud);
});

describe('SubscribeToDataset', () => {
  it('notifies the other devices of the identity, but not the device that made the change', async () => {
    await change(person, 'game');
    const [phone, tablet] = [await newSubscriber(person, 'game'), await newSubscriber(person, 'game')];
    const [onPhone, onTablet] = [await readPush(cloud.url, phone), await readPush(cloud.url, tablet)];

    await change(person, 'game', phone);
    expect(JSON.parse((await onTablet.next()).data)).toEqual({
      aps: { 'content-available': 1 },
      data: {
        source: 'cognito-sync',
        identityPoolId: person.identity.IdentityPoolId,
        identityId: person.identity.IdentityId,
        datasetName: 'game',
        syncCount: 2,
      },
    });
    // This change has no DeviceId, so both devices are notified.
    await change(person, 'game');
    // A developer makes this change, so both devices are notified.
    await change({ ...person, client: developer }, 'game');
    for (const syncCount of [3, 4]) {
      expect(await onPhone.nextData()).toMatchObject({ syncCount });
      expect(await onTablet.nextData()).toMatchObject({ syncCount });
    }
  });

  it('does not notify devices of other identities or of other datasets', async () => {
    const other = await newPerson(cloud, person.identity.IdentityPoolId);
    for (const { owner, name } of [
      { owner: person, name: 'game' },
      { owner: person, name: 'notes' },
      { owner: other, name: 'game' },
    ]) {
      await change(owner, name);
    }
    const theirs = await readPush(cloud.url, await newSubscriber(other, 'game'));
    const mine = await readPush(cloud.url, await newSubscriber(person, 'notes'));

    await change(person, 'game');
    await change(other, 'game');
    await change(person, 'notes');
    expect(await theirs.nextData()).toMatchObject({ identityId: other.identity.IdentityId, syncCount: 2 });
    expect(await mine.nextData()).toMatchObject({ datasetName: 'notes', syncCount: 2 });
  });

  it('sends all values as strings to Android', async () => {
    await change(person, 'game');
    const phone = await newDevice(person, 'GCM');
    await subscribe(person, 'game', phone);
    await change(person, 'game');
    const { event, data } = await (await readPush(cloud.url, phone)).next();
    expect(event).toBe('push');
    expect(JSON.parse(data)).toMatchObject({ data: { source: 'cognito-sync', syncCount: '2' } });
  });

  it('has no further effect if it is called again for the same device', async () => {
    await change(person, 'game');
    const phone = await newSubscriber(person, 'game');
    const { $metadata, ...response } = await subscribe(person, 'game', phone);
    expect($metadata.httpStatusCode).toBe(200);
    expect(response).toEqual({});
    const reader = await readPush(cloud.url, phone);
    await change(person, 'game');
    await change(person, 'game');
    expect(await reader.nextData()).toMatchObject({ syncCount: 2 });
    expect(await reader.nextData()).toMatchObject({ syncCount: 3 });
  });

  it('stays in effect after the dataset is deleted; the deletion notifies no device', async () => {
    await change(person, 'game');
    const phone = await newSubscriber(person, 'game');
    await person.client.send(new DeleteDatasetCommand({ ...person.identity, DatasetName: 'game' }));
    await change(person, 'game');
    expect(await (await readPush(cloud.url, phone)).nextData()).toMatchObject({ syncCount: 3 });
  });

  it('requires an existing dataset', async () => {
    const phone = await newDevice(person);
    expect(await refusalOf(subscribe(person, 'game', phone))).toEqual(notFound("Dataset 'game' not found"));
  });

  it('requires a device of the identity', async () => {
    await change(person, 'game');
    const theirs = await newDevice(await newPerson(cloud, person.identity.IdentityPoolId));
    for (const id of [theirs, randomUUID(), 'my-phone', 'd'.repeat(256)]) {
      expect(await refusalOf(subscribe(person, 'game', id))).toEqual(notFound(`Device '${id}' not found`));
    }
  });

  it('requires push to be configured for the pool', async () => {
    const unset = await newPerson(cloud, await newPool(cloud.database));
    await change(unset, 'game');
    expect(await refusalOf(subscribe(unset, 'game', randomUUID()))).toMatchObject({
      name: 'InvalidConfigurationException',
      status: 400,
    });
  });

  it('is not allowed for developers or other identities', async () => {
    await change(person, 'game');
    const phone = await newDevice(person);
    const other = await newPerson(cloud, person.identity.IdentityPoolId);
    for (const client of [developer, other.client]) {
      expect(await refusalOf(subscribe({ ...person, client }, 'game', phone))).toEqual({
        name: 'NotAuthorizedException',
        status: 403,
        message: 'These credentials are not valid for accessing this resource',
      });
    }
  });

  it('rejects an invalid DeviceId and names the member', async () => {
    for (const invalid of ['d'.repeat(257), 'a/b', 'a b', 'ü', '%2F', '.', '..', '../game', "d';--"]) {
      const refusal = await refusalOf(subscribe(person, 'game', invalid));
      expect(refusal, invalid).toEqual(invalidParameter("'deviceId'"));
    }
  });

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client, dataset) => client.send(new SubscribeToDatasetCommand({ ...dataset, DeviceId: 'd' })),
  };
  describeRefusals(operation, ['IdentityPoolId', 'IdentityId', 'DatasetName']);
});

describe('the reset of the local cloud', () => {
  it('deletes devices and their messages', async () => {
    await change(person, 'game');
    const phone = await newSubscriber(person, 'game');
    await change(person, 'game');
    const reader = await readPush(cloud.url, phone);
    await reader.next();
    await cloud.reset();
    await reader.untilEnd();
    expect((await readPush(cloud.url, phone)).response.status).toBe(404);
  });
});
