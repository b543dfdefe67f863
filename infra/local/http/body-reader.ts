import type { IncomingMessage, ServerResponse } from 'node:http';
import { isLoopback } from '../../../lib/common/loopback.ts';
import { RequestError } from '../../../lib/wire/errors.ts';
import { bodyTooLarge, type ReadBody } from '../../../lib/wire/request-body.ts';
import { networkOf } from '../../../lib/wire/source-address.ts';
import type { PortLimits } from './port-limits.ts';

/** A body that is read on demand. */
export interface OpenBody {
  read: ReadBody;
  /** Stops counting the bytes of this body toward the limits, because the body is no longer in use. */
  release(): void;
}

const NO_BODY = Buffer.alloc(0);
/**
 * This many bytes of each body are not counted. Ordinary requests are smaller, so they are served even if large bodies
 * have reached the limits.
 */
const UNCOUNTED_BYTES = 64 * 1024;
/**
 * A body may arrive in this many parts, plus one part per `MIN_PART_BYTES`. Each part takes processor time, even if it
 * has only one byte. The smallest packets of usual networks have 536 bytes.
 */
const UNCOUNTED_PARTS = 2_000;
const MIN_PART_BYTES = 256;
const RETRY_AFTER_SECONDS = 1;

/**
 * Creates the reader of all request bodies of the port. The reader limits the number of body bytes in memory, in total
 * and per source address.
 */
export function createBodyReader({
  bytesInFlight,
  bytesInFlightPerAddress,
}: Pick<PortLimits, 'bytesInFlight' | 'bytesInFlightPerAddress'>) {
  let inFlight = 0;
  const ofAddress = new Map<string, number>();

  return (incoming: IncomingMessage, response: ServerResponse, sourceAddress: string): OpenBody => {
    const address = isLoopback(sourceAddress) ? undefined : networkOf(sourceAddress);
    let held = 0;

    function hold(bytes: number): boolean {
      const more = Math.max(0, bytes - UNCOUNTED_BYTES) - held;
      const fromAddress = address === undefined ? 0 : (ofAddress.get(address) ?? 0);
      if (more > 0 && (inFlight + more > bytesInFlight || fromAddress + more > bytesInFlightPerAddress)) {
        return false;
      }
      held += more;
      inFlight += more;
      if (address !== undefined && more > 0) ofAddress.set(address, fromAddress + more);
      return true;
    }

    return {
      read: (maxBytes) => readBody(incoming, response, { maxBytes, hold }),
      release() {
        inFlight -= held;
        if (address !== undefined && held > 0) {
          const left = (ofAddress.get(address) ?? 0) - held;
          if (left > 0) ofAddress.set(address, left);
          else ofAddress.delete(address);
        }
        held = 0;
      },
    };
  };
}

/** Returns whether a request announces a body. */
export function hasBody({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = headers;
  return encoding !== undefined || (length !== undefined && length !== '0');
}

/**
 * Reads the whole body, because the signature covers the whole body. Returns immediately if there is no body, as in
 * most requests.
 */
async function readBody(
  incoming: IncomingMessage,
  response: ServerResponse,
  { maxBytes, hold }: { maxBytes: number; hold: (bytes: number) => boolean },
): Promise<Buffer> {
  if (!hasBody(incoming)) return NO_BODY;
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) throw bodyTooLarge(maxBytes);
  if (incoming.destroyed) throw incomplete();
  // A client that sends `Expect` waits for this response before it sends the body. If the request was rejected before,
  // the client never sends the body.
  if (incoming.headers.expect !== undefined) response.writeContinue();
  return new Promise((resolve, reject) => {
    // The parts are copied into one buffer, because each small Buffer takes hundreds of bytes more than its content.
    let buffer: Buffer = NO_BODY;
    let bytes = 0;
    let parts = 0;
    const onData = (part: Buffer) => {
      const end = bytes + part.length;
      parts += 1;
      const error = problemOf(end, parts);
      if (error !== undefined) {
        incoming.off('data', onData).pause();
        buffer = NO_BODY;
        reject(error);
        return;
      }
      if (end > buffer.length)
        buffer = grow(buffer, bytes, Math.min(Math.max(end, 2 * buffer.length), maxBytes));
      part.copy(buffer, bytes);
      bytes = end;
    };
    const problemOf = (size: number, count: number): RequestError | undefined => {
      if (size > maxBytes) return bodyTooLarge(maxBytes);
      if (count > UNCOUNTED_PARTS + size / MIN_PART_BYTES) return tooManyParts();
      return hold(size) ? undefined : busy();
    };
    // An error captures the stack, which takes longer than reading a small body. So it is created only if it is needed.
    const onClose = () => reject(incomplete());
    incoming.on('data', onData);
    incoming.once('close', onClose);
    incoming.once('end', () => {
      incoming.off('close', onClose);
      resolve(buffer.subarray(0, bytes));
    });
  });
}

/** Returns a buffer of `size` bytes that starts with the first `used` bytes of `buffer`. */
function grow(buffer: Buffer, used: number, size: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(size);
  buffer.copy(larger, 0, 0, used);
  return larger;
}

function tooManyParts(): RequestError {
  return new RequestError(
    'IncompleteBody',
    `the body arrived in too many parts; send parts of ${MIN_PART_BYTES} bytes or more`,
  );
}

function busy(): RequestError {
  const message = `too many large requests at the same time; retry after ${RETRY_AFTER_SECONDS} s`;
  return new RequestError('ServiceUnavailable', message, RETRY_AFTER_SECONDS);
}

/** Returns the error for a client that disconnected or was too slow. */
function incomplete(): RequestError {
  return new RequestError('IncompleteBody', 'the body ended before its announced length');
}
