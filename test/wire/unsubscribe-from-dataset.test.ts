import { randomUUID } from 'node:crypto';
import { DeleteDatasetCommand, UnsubscribeFromDatasetCommand } from '@aws-sdk/client-cognito-sync';
import { beforeEach, describe, expect, it } from 'vitest';
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

let person: Person;
beforeEach(async () => {
  person = await newPerson(cloud);
  await change(person, 'game');
});

const unsubscribe = ({ identity, client }: Person, DeviceId: string) =>
  client.send(new UnsubscribeFromDatasetCommand({ ...identity, DatasetName: 'game', DeviceId }));
const notFound = (deviceId: string) => ({
  name: 'ResourceNotFoundException',
  status: 404,
  message: `Subscription of Device '${deviceId}' to Dataset 'game' not found`,
});

describe('UnsubscribeFromDataset', () => {
  it('stops messages to the device; other devices are still notified', async () => {
    const [phone, tablet] = [await newSubscriber(person, 'game'), await newSubscriber(person, 'game')];
    const { $metadata, ...response } = await unsubscribe(person, phone);
    expect($metadata.httpStatusCode).toBe(200);
    expect(response).toEqual({});
    await change(person, 'game');
    expect(await (await readPush(cloud.url, tablet)).nextData()).toMatchObject({ syncCount: 2 });
    // The device subscribes again. Its first message is about a change after that.
    await subscribe(person, 'game', phone);
    await change(person, 'game');
    expect(await (await readPush(cloud.url, phone)).nextData()).toMatchObject({ syncCount: 3 });
  });

  it('fails if the subscription never existed or has already ended', async () => {
    const phone = await newSubscriber(person, 'game');
    await unsubscribe(person, phone);
    for (const id of [phone, await newDevice(person), randomUUID(), 'my-phone']) {
      expect(await refusalOf(unsubscribe(person, id))).toEqual(notFound(id));
    }
  });

  it('fails for the device of another identity, whose subscription stays in effect', async () => {
    const other = await newPerson(cloud, person.identity.IdentityPoolId);
    await change(other, 'game');
    const theirs = await newSubscriber(other, 'game');
    expect(await refusalOf(unsubscribe(person, theirs))).toEqual(notFound(theirs));
    await change(other, 'game');
    expect(await (await readPush(cloud.url, theirs)).nextData()).toMatchObject({ syncCount: 2 });
  });

  it('does not require the dataset to exist', async () => {
    const phone = await newSubscriber(person, 'game');
    await person.client.send(new DeleteDatasetCommand({ ...person.identity, DatasetName: 'game' }));
    expect((await unsubscribe(person, phone)).$metadata.httpStatusCode).toBe(200);
  });

  it('is not allowed for developers or other identities', async () => {
    const phone = await newSubscriber(person, 'game');
    const other = await newPerson(cloud, person.identity.IdentityPoolId);
    for (const client of [developer, other.client]) {
      expect(await refusalOf(unsubscribe({ ...person, client }, phone))).toEqual({
        name: 'NotAuthorizedException',
        status: 403,
        message: 'These credentials are not valid for accessing this resource',
      });
    }
    await unsubscribe(person, phone);
  });

  it('rejects an invalid DeviceId and names the member', async () => {
    expect(await refusalOf(unsubscribe(person, 'd'.repeat(257)))).toEqual(invalidParameter("'deviceId'"));
  });

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client, dataset) => client.send(new UnsubscribeFromDatasetCommand({ ...dataset, DeviceId: 'd' })),
  };
  describeRefusals(operation, ['IdentityPoolId', 'IdentityId', 'DatasetName']);
});
