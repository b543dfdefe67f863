import { ProtocolError } from './sql-messages.ts';

/** PostgreSQL's own limit of the first packet; an HTTP request or other noise declares far more. */
const MAX_STARTUP_BYTES = 10_000;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * Cuts what a client sends into messages, however it arrives. Messages before the session has started have no
 * type byte, only the length. A last message that is not complete is left out.
 * @param hasStarted asked anew before each message
 * @throws {ProtocolError} a declared length is below the least or above 16 MiB (10,000 bytes at start-up)
 */
export async function* readFrames(
  chunks: AsyncIterable<Uint8Array>,
  hasStarted: () => boolean,
): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let neededBytes = 1;
  for await (const chunk of chunks) {
    held.push(chunk);
    heldBytes += chunk.length;
    // A large message comes in hundreds of chunks: joined once, when it is complete.
    if (heldBytes < neededBytes) continue;
    let rest = Buffer.concat(held);
    neededBytes = messageBytes(rest, hasStarted());
    while (rest.length >= neededBytes) {
      yield rest.subarray(0, neededBytes);
      rest = rest.subarray(neededBytes);
      neededBytes = messageBytes(rest, hasStarted());
    }
    held = [rest];
    heldBytes = rest.length;
  }
}

/** How many bytes the first message of `bytes` has; where that cannot be told yet, one more than there are. */
function messageBytes(bytes: Buffer, hasStarted: boolean): number {
  const typeBytes = hasStarted ? 1 : 0;
  if (bytes.length < typeBytes + 4) return bytes.length + 1;
  const length = bytes.readUInt32BE(typeBytes);
  const [min, max] = hasStarted ? [4, MAX_MESSAGE_BYTES] : [8, MAX_STARTUP_BYTES];
  if (length < min || length > max) throw new ProtocolError(`invalid message length ${length}`);
  return typeBytes + length;
}
