-- The payloads of offloaded events in parts, because Aurora DSQL stores at most 1 MiB in a value.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- sync.payloads holds the start of a payload's body, and this table holds the rest. part starts with 1. A part has at
-- most 512 KiB. A payload that an older version of the service stored has no row here: its body is complete.
CREATE TABLE IF NOT EXISTS sync.payload_parts (
  payload_id uuid NOT NULL,
  part integer NOT NULL,
  body text NOT NULL,
  PRIMARY KEY (payload_id, part)
);
