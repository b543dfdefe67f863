import type { Offloading } from './build-stream-event.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { createPayloadLinks } from './payload-links.ts';

/** No request is ever sent to this origin. */
const REPLACED_ORIGIN = 'https://payloads.invalid';

/**
 * Creates the offloading of jobs that run outside the service, as functions in AWS. Before the relay publishes an event
 * there, it uploads the payload to S3 and replaces the event's URL. Of the URL in the outbox, only the id of the payload
 * is used, so the jobs need none of the service's keys.
 *
 * @param key any random bytes
 * @param randomId returns UUIDs
 */
export function createJobOffloading({
  key,
  now,
  randomId,
}: {
  key: Uint8Array;
  now: () => number;
  randomId: () => string;
}): Offloading {
  const links = createPayloadLinks({
    keys: [Buffer.from(key)],
    origin: () => REPLACED_ORIGIN,
    now,
    randomId,
  });
  return { links, inlineBytes: DEFAULT_LIMITS.inlineBytes };
}
