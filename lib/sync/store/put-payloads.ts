import { plainArray, textArray } from '../../database/array-literal.ts';
import type { Transaction } from '../../database/database.ts';
import { identityRowId } from '../../database/row-ids.ts';
import type { OutgoingEvent } from '../ports/sync-store.ts';
import { toPartColumns, writeParts } from './payload-parts.ts';

const PUT_PAYLOADS = `
INSERT INTO sync.payloads (payload_id, body, expires_ms, identity_row_id, outbox_id)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::uuid[], $5::uuid[])`;

const PUT_PARTS = writeParts(1);

/** Writes the payloads of the events that have one. @param outboxIds the ids of the events' rows in the outbox, in order */
export async function putPayloads(
  on: Transaction,
  identityPoolId: string,
  events: readonly OutgoingEvent[],
  outboxIds: readonly string[],
): Promise<void> {
  const payloads = events.flatMap(({ payload, partitionKey: identityId }, index) =>
    payload === null
      ? []
      : [
          {
            ...payload,
            identityRowId: identityRowId({ identityPoolId, identityId }),
            outboxId: outboxIds[index] ?? null,
          },
        ],
  );
  if (payloads.length === 0) return;
  const { starts, parts } = toPartColumns(payloads);
  await on.query(PUT_PAYLOADS, [
    plainArray(payloads.map(({ payloadId }) => payloadId)),
    textArray(starts),
    plainArray(payloads.map(({ expiresAt }) => expiresAt)),
    plainArray(payloads.map((payload) => payload.identityRowId)),
    plainArray(payloads.map(({ outboxId }) => outboxId)),
  ]);
  await on.query(PUT_PARTS, parts);
}
