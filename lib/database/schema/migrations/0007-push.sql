-- Devices for push sync, and the datasets to which they subscribe.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- registration_id is a hash of pool, identity, platform and token, so a device that registers again is the same device.
-- endpoint is the address for messages to the device, as returned by the push channel.
CREATE TABLE IF NOT EXISTS sync.devices (
  registration_id uuid PRIMARY KEY,
  device_id uuid NOT NULL,
  identity_pool_id text NOT NULL,
  identity_id text NOT NULL,
  platform text NOT NULL,
  endpoint text NOT NULL,
  registered_ms bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS devices_by_device_id ON sync.devices (device_id);

CREATE INDEX IF NOT EXISTS devices_by_pool ON sync.devices (identity_pool_id);

CREATE TABLE IF NOT EXISTS sync.subscriptions (
  dataset_id uuid NOT NULL,
  device_id uuid NOT NULL,
  subscribed_ms bigint NOT NULL,
  PRIMARY KEY (dataset_id, device_id)
);
