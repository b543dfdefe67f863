import { plainArray, textArray } from '../../database/array-literal.ts';
import type { SqlValue } from '../../database/database.ts';
import type { Payload } from '../ports/sync-store.ts';

/**
 * Maximum UTF-8 bytes of a part. Aurora DSQL stores at most 1 MiB in a value, and 10 MiB in a transaction. Source:
 * Aurora DSQL User Guide, "Cluster quotas and database limits".
 */
const PART_BYTES = 512 * 1024;

/**
 * Splits a text into parts that are at most `maxBytes` long in UTF-8. The parts in order, joined, are the text. No part
 * splits a character. A text that needs no split, even an empty text, is one part.
 *
 * @param maxBytes at least 4, because a character takes up to four bytes
 */
export function splitBody(body: string, maxBytes = PART_BYTES): string[] {
  const encoder = new TextEncoder();
  const buffer = new Uint8Array(maxBytes);
  const parts: string[] = [];
  let start = 0;
  do {
    const { read } = encoder.encodeInto(body.slice(start), buffer);
    parts.push(body.slice(start, start + read));
    start += read;
  } while (start < body.length);
  return parts;
}

/** Returns SQL that writes the parts after the first. The columns of the parts are the parameters from `first` on. */
export const writeParts = (first: number) => `
INSERT INTO sync.payload_parts (payload_id, part, body)
SELECT part.payload_id, part.part, part.body
FROM unnest($${first}::uuid[], $${first + 1}::integer[], $${first + 2}::text[]) AS part (payload_id, part, body)`;

/**
 * Splits the bodies of payloads. Returns the start of each body, null if there is no payload, and the other parts of
 * all bodies as one array per column.
 */
export function toPartColumns(payloads: readonly (Pick<Payload, 'payloadId' | 'body'> | null)[]): {
  starts: (string | null)[];
  parts: SqlValue[];
} {
  const split = payloads.map((payload) =>
    payload === null
      ? []
      : splitBody(payload.body).map((body, part) => ({ payloadId: payload.payloadId, part, body })),
  );
  const rest = split.flatMap((parts) => parts.slice(1));
  return {
    starts: split.map(([start]) => start?.body ?? null),
    parts: [
      plainArray(rest.map(({ payloadId }) => payloadId)),
      plainArray(rest.map(({ part }) => part)),
      textArray(rest.map(({ body }) => body)),
    ],
  };
}
