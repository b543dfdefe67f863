-- Devices for push sync, and the datasets that each wants to hear of.
-- A statement ends with a semicolon at the end of a line, can be run again, and is a transaction of its own.

-- registration_id is a hash of pool, identity, platform and token: a device that registers again is the same one.
-- endpoint is where its messages go, as the push channel named it.
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
