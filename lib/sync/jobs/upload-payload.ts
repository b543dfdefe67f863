import { createSemaphore } from '../../common/semaphore.ts';
import { linkedPayload, type PayloadLinks, withPayloadUrl } from '../payload-links.ts';
import type { OutboxRow } from '../ports/outbox.ts';
import type { PayloadStore } from '../ports/payload-store.ts';
import { PayloadUploadError, type PayloadUploader } from '../ports/payload-uploader.ts';

/** Start of the codes of failed uploads among the codes of failed events. */
const UPLOAD = 'payload upload: ';

/** Whether a code in `RelayOutcome.refusals` is that of a failed upload. */
export function isUploadFailure(code: string): boolean {
  return code.startsWith(UPLOAD);
}

/** What the relay needs to upload the payloads of offloaded events. */
export interface PayloadUploads {
  payloads: Pick<PayloadStore, 'read' | 'remove'>;
  uploader: PayloadUploader;
}

/** What the relay needs to renew the links in offloaded events, if the service itself serves the payloads. */
export interface LinkRenewal {
  links: Pick<PayloadLinks, 'renew'>;
  payloads: Pick<PayloadStore, 'extend'>;
}

/** A claimed row whose event links to a payload. */
export interface LinkedRow extends OutboxRow {
  payloadId: string;
}

/** Splits rows by whether their events link to a payload. */
export function splitLinked(rows: readonly OutboxRow[]): { inline: OutboxRow[]; linked: LinkedRow[] } {
  const inline: OutboxRow[] = [];
  const linked: LinkedRow[] = [];
  for (const row of rows) {
    const payloadId = linkedPayload(row.event);
    if (payloadId === null) inline.push(row);
    else linked.push({ ...row, payloadId });
  }
  return { inline, linked };
}

/**
 * Uploads the payload of an event, and returns the event with the URL of the upload. Can be repeated: if a recent attempt
 * uploaded the payload, but the event was not published, the payload is not uploaded again.
 *
 * If the payload no longer exists, another relay has published the event and deleted the payload, or an erasure has
 * deleted it. Then nothing is uploaded. The URL leads to the upload of the other relay, or the consumer finds that the
 * object does not exist.
 *
 * @returns the code of the failure if the payload was not uploaded
 * @throws errors of the payload store
 */
async function uploadPayload(
  { payloadId, event, attempts }: LinkedRow,
  { payloads, uploader }: PayloadUploads,
): Promise<{ event: string } | { error: string }> {
  const isUploaded = attempts > 1 && (await uploader.isStored(payloadId));
  const body = isUploaded ? null : await payloads.read(payloadId);
  try {
    if (body !== null) await uploader.upload(payloadId, body);
    return { event: withPayloadUrl(event, await uploader.urlOf(payloadId)) };
  } catch (error) {
    if (error instanceof PayloadUploadError) return { error: `${UPLOAD}${error.code}` };
    throw error;
  }
}

/**
 * Maximum number of payloads that a run of the relay uploads concurrently, for all streams together. A payload of 8 MiB
 * takes about 40 MB of memory during its upload.
 */
export const UPLOADS_AT_ONCE = 4;

/** The uploads that may run at the same time. Each stream gets a fair share of them. */
export interface UploadSlots {
  /** @returns a function that frees the slot; null if no slot became free within `timeoutMs` */
  take(stream: string, timeoutMs: number): Promise<(() => void) | null>;
}

/** @param now milliseconds of any clock; only differences matter */
export function createUploadSlots(now: () => number): UploadSlots {
  const noSlot = new Error('no upload may start in time');
  const semaphore = createSemaphore({
    max: UPLOADS_AT_ONCE,
    maxPerOwner: UPLOADS_AT_ONCE,
    refusal: () => noSlot,
    now,
  });
  return {
    take: (stream, timeoutMs) =>
      semaphore.acquire(stream, timeoutMs).catch((error: unknown) => {
        if (error === noSlot) return null;
        throw error;
      }),
  };
}

/** A row, and its event with the URL of the upload or the code of the failure. */
export interface UploadResult {
  row: LinkedRow;
  upload: { event: string } | { error: string };
}

/**
 * Uploads the payloads of events concurrently.
 *
 * @param takeSlot waits for the permission to upload; null if no upload may start in time
 * @returns `notReached`: the rows without this permission
 * @throws errors of the payload store
 */
export async function uploadPayloads(
  rows: readonly LinkedRow[],
  uploads: PayloadUploads,
  takeSlot: () => Promise<(() => void) | null>,
): Promise<{ reached: UploadResult[]; notReached: LinkedRow[] }> {
  const notReached: LinkedRow[] = [];
  const reached = await Promise.all(
    rows.map(async (row) => {
      const freeSlot = await takeSlot();
      if (freeSlot === null) {
        notReached.push(row);
        return [];
      }
      try {
        return [{ row, upload: await uploadPayload(row, uploads) }];
      } finally {
        freeSlot();
      }
    }),
  );
  return { reached: reached.flat(), notReached };
}

/**
 * Returns rows with new links to their payloads, and extends the expiry of these payloads. An event can wait in the
 * outbox for any time, but its consumers need the whole lifetime of a link after the event is published.
 *
 * @throws errors of the payload store
 */
export async function renewLinks(
  rows: readonly OutboxRow[],
  { links, payloads }: LinkRenewal,
): Promise<OutboxRow[]> {
  const renewed = rows.map((row) => {
    const payloadId = linkedPayload(row.event);
    return { row, link: payloadId === null ? null : links.renew(payloadId) };
  });
  const used = renewed.flatMap(({ link }) => link ?? []);
  const ids = used.map(({ payloadId }) => payloadId);
  if (ids.length > 0) await payloads.extend(ids, Math.max(...used.map(({ expiresAt }) => expiresAt)));
  return renewed.map(({ row, link }) =>
    link === null ? row : { ...row, event: withPayloadUrl(row.event, link.url) },
  );
}
