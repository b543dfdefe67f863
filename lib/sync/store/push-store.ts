import { randomUUID } from 'node:crypto';
import { plainArray } from '../../database/array-literal.ts';
import type { Database } from '../../database/database.ts';
import { datasetId, hashedUuid, identityIdHash } from '../../database/row-ids.ts';
import type { DeviceStore, PushDevice, PushPlatform, Registration } from '../ports/push.ts';
import { isIdentityDeleted } from './sync-statements.ts';
import { changeOnce } from './transact.ts';

/**
 * Registers a device in one statement. So if a device registers twice concurrently, both calls return the same id.
 */
const REGISTER = `
INSERT INTO sync.devices (
  registration_id, device_id, identity_pool_id, identity_id, platform, endpoint, registered_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (registration_id) DO UPDATE SET
  endpoint = excluded.endpoint,
  registered_ms = excluded.registered_ms
RETURNING device_id`;

/**
 * Maximum devices removed at a time. The subscriptions of so few devices stay below the 3,000 rows that Aurora DSQL
 * changes in one transaction.
 */
const REMOVED_DEVICES = 25;

/**
 * Lists the surplus devices of an identity ($1, $2). Skips the $3 devices to keep: the device that has just registered
 * ($4), and the other devices that registered most recently.
 */
const LIST_SURPLUS = `
SELECT registration_id, device_id FROM sync.devices
WHERE identity_pool_id = $1 AND identity_id = $2
ORDER BY device_id = $4::uuid DESC, registered_ms DESC, device_id
LIMIT ${REMOVED_DEVICES} OFFSET $3::bigint`;

/** Finds the subscriptions through the identity's datasets, whose rows remain even after the datasets are deleted. */
const REMOVE_SUBSCRIPTIONS = `
DELETE FROM sync.subscriptions
WHERE (dataset_id, device_id) IN (
  SELECT subscriptions.dataset_id, subscriptions.device_id
  FROM sync.datasets AS stored
  JOIN sync.subscriptions ON subscriptions.dataset_id = stored.dataset_id
  WHERE stored.identity_pool_id = $1 AND stored.identity_id = $2 AND subscriptions.device_id = ANY ($3::uuid[])
  LIMIT 2500)`;

const REMOVE_DEVICES = `
DELETE FROM sync.devices
WHERE identity_pool_id = $1 AND identity_id = $2 AND registration_id = ANY ($3::uuid[])`;

const REMOVE_IF_DELETED = `
DELETE FROM sync.devices
WHERE device_id = $1 AND identity_id = $3
  AND ${isIdentityDeleted('$2')}`;

const HAS_DEVICE = 'SELECT EXISTS (SELECT 1 FROM sync.devices WHERE device_id = $1::uuid) AS found';

/** Subscribes a device. Changes one row if the identity has the device, even if the device is already subscribed. */
const SUBSCRIBE = `
INSERT INTO sync.subscriptions (dataset_id, device_id, subscribed_ms)
SELECT $1::uuid, devices.device_id, $5::bigint
FROM sync.devices
WHERE devices.device_id = $2::uuid AND devices.identity_pool_id = $3 AND devices.identity_id = $4
ON CONFLICT (dataset_id, device_id) DO UPDATE SET subscribed_ms = excluded.subscribed_ms`;

/** The identity is not compared, because a dataset id belongs to only one identity. */
const UNSUBSCRIBE = `
DELETE FROM sync.subscriptions
WHERE dataset_id = $1::uuid AND device_id = $2::uuid AND NOT ${isIdentityDeleted('$3')}`;

interface DeviceRow {
  device_id: string;
  platform: PushPlatform;
  endpoint: string;
  registered_ms: bigint | number | string;
}

/** A disabled device has an empty endpoint, so that the token or the ARN in its endpoint is deleted. */
const READ_SUBSCRIBERS = `
SELECT devices.device_id, devices.platform, devices.endpoint, devices.registered_ms
FROM sync.subscriptions
JOIN sync.devices ON devices.device_id = subscriptions.device_id
WHERE subscriptions.dataset_id = $1::uuid AND devices.endpoint <> ''
ORDER BY devices.registered_ms DESC, devices.device_id
LIMIT $2::bigint`;

const DISABLE = `
UPDATE sync.devices SET endpoint = ''
WHERE device_id = $1::uuid AND endpoint = $2 AND registered_ms = $3`;

/** Creates the store of devices and their subscriptions, on any `Database`. */
export function createPushStore(database: Database): DeviceStore {
  return {
    async register(registration, endpoint, { at, maxDevices }) {
      const { identityPoolId, identityId, platform } = registration;
      const { rows } = await database.query<Pick<DeviceRow, 'device_id'>>(REGISTER, [
        registrationId(registration),
        randomUUID(),
        identityPoolId,
        identityId,
        platform,
        endpoint,
        at,
      ]);
      const [row] = rows;
      if (!row) throw new Error('registering the device returned no id');
      await removeSurplus(database, [identityPoolId, identityId], maxDevices, row.device_id);
      return row.device_id;
    },

    async removeIfDeleted({ identityId }, deviceId) {
      const values = [deviceId, identityIdHash(identityId), identityId];
      return (await changeOnce(database, REMOVE_IF_DELETED, values)).rowsChanged > 0;
    },

    async hasDevice(deviceId) {
      if (!isDeviceId(deviceId)) return false;
      const { rows } = await database.query<{ found: boolean }>(HAS_DEVICE, [deviceId]);
      return rows[0]?.found ?? false;
    },

    async subscribe(dataset, deviceId, at) {
      if (!isDeviceId(deviceId)) return false;
      const values = [datasetId(dataset), deviceId, dataset.identityPoolId, dataset.identityId, at];
      return (await database.query(SUBSCRIBE, values)).rowsChanged > 0;
    },

    async unsubscribe(dataset, deviceId) {
      if (!isDeviceId(deviceId)) return false;
      const values = [datasetId(dataset), deviceId, identityIdHash(dataset.identityId)];
      return (await changeOnce(database, UNSUBSCRIBE, values)).rowsChanged > 0;
    },

    async readSubscribers(dataset, limit) {
      const { rows } = await database.query<DeviceRow>(READ_SUBSCRIBERS, [datasetId(dataset), limit]);
      return rows.map(toDevice);
    },

    async disable({ deviceId, endpoint, registeredAt }) {
      return (await changeOnce(database, DISABLE, [deviceId, endpoint, registeredAt])).rowsChanged > 0;
    },
  };
}

async function removeSurplus(
  database: Database,
  identity: readonly string[],
  maxDevices: number,
  registered: string,
): Promise<void> {
  const values = [...identity, maxDevices, registered];
  const { rows } = await database.query<{ registration_id: string; device_id: string }>(LIST_SURPLUS, values);
  if (rows.length === 0) return;
  await database.query(REMOVE_SUBSCRIPTIONS, [...identity, plainArray(rows.map((row) => row.device_id))]);
  await database.query(REMOVE_DEVICES, [...identity, plainArray(rows.map((row) => row.registration_id))]);
}

/**
 * Returns whether the text is a UUID in lower case. The API allows any text as a device id, but PostgreSQL fails on
 * text that is not a UUID, and would accept a device's UUID in upper case.
 */
function isDeviceId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}

function toDevice({ device_id, platform, endpoint, registered_ms }: DeviceRow): PushDevice {
  return { deviceId: device_id, platform, endpoint, registeredAt: Number(registered_ms) };
}

/**
 * Returns the key of a device's row. It is a hash: only an endpoint may contain the token. NUL separates the parts,
 * because a token may contain any other character.
 */
function registrationId({ identityPoolId, identityId, platform, token }: Registration): string {
  return hashedUuid(`${identityPoolId}\0${identityId}\0${platform}\0${token}`);
}
