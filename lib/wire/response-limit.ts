import type { RawRequest } from './canonical-request.ts';
import type { DecodedInput } from './decode-input.ts';
import { RequestError } from './errors.ts';

/** Upper bound for a record in a function's result, without its key and value: names, dates, counts and quotes. */
const BYTES_PER_RECORD = 256;
/** Upper bound for the rest of a function's result: status, headers and the envelope of the RPC form. */
const OTHER_BYTES = 17 * 1024;

/**
 * Rejects an update whose response could be too large for its entry point. The response repeats the written records,
 * and an update must not be reported as failed after it was committed. What a sync trigger adds to the records is not
 * known yet, so it is not counted.
 *
 * @throws {RequestError} RequestEntityTooLarge
 */
export function requireSmallResponse(
  operation: string,
  { RecordPatches: patches }: DecodedInput,
  { body, maxResponseBytes }: RawRequest,
): void {
  if (operation !== 'UpdateRecords' || maxResponseBytes === undefined || !Array.isArray(patches)) return;
  const maxBytes = maxResponseBytes - OTHER_BYTES - patches.length * BYTES_PER_RECORD;
  // A byte of the request takes at most two bytes in the result, in which the JSON of the response is a JSON string.
  if (2 * body.length <= maxBytes) return;
  const records = patches.map(({ Key, Value }) => [Key, Value]);
  if (Buffer.byteLength(JSON.stringify(JSON.stringify(records))) <= maxBytes) return;
  throw new RequestError(
    'RequestEntityTooLarge',
    `the response could be larger than ${maxResponseBytes} bytes, which AWS does not deliver; nothing was changed; send the changes in several calls`,
  );
}
