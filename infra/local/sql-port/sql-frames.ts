import { ProtocolError } from './sql-messages.ts';

/**
 * PostgreSQL's limit for the first packet. If a client sends an HTTP request instead, its first bytes read as a length
 * far above this limit, so the request is rejected immediately.
 */
const MAX_STARTUP_BYTES = 10_000;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * Splits the bytes of a client into messages, regardless of the chunks in which the bytes arrive. The messages of the
 * startup have no type byte and begin with their length. If the bytes end within a message, this message is dropped.
 * @param hasStarted returns whether the startup is complete; called before each message
 * @param onIncomplete called with true when the wait for the rest of a message starts, and with false when it ends
 * @throws {ProtocolError} a declared length is below the minimum or above 16 MiB (10,000 bytes at startup)
 */
export async function* readFrames(
  chunks: AsyncIterable<Uint8Array>,
  hasStarted: () => boolean,
  onIncomplete: (isIncomplete: boolean) => void = () => {},
): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let neededBytes = 1;
  for await (const chunk of chunks) {
    held.push(chunk);
    heldBytes += chunk.length;
    // A large message arrives in hundreds of chunks. To avoid copying it for each chunk, the chunks are joined only
    // when the message is complete.
    if (heldBytes < neededBytes) {
      onIncomplete(true);
      continue;
    }
    onIncomplete(false);
    let rest = Buffer.concat(held);
    neededBytes = messageBytes(rest, hasStarted());
    while (rest.length >= neededBytes) {
      yield rest.subarray(0, neededBytes);
      rest = rest.subarray(neededBytes);
      neededBytes = messageBytes(rest, hasStarted());
    }
    held = [rest];
    heldBytes = rest.length;
    onIncomplete(heldBytes > 0);
  }
}

/**
 * Returns the length of the first message in `bytes`. If `bytes` does not yet contain the declared length, returns one
 * byte more than available, so that the caller waits for more bytes.
 */
function messageBytes(bytes: Buffer, hasStarted: boolean): number {
  const typeBytes = hasStarted ? 1 : 0;
  if (bytes.length < typeBytes + 4) return bytes.length + 1;
  const length = bytes.readUInt32BE(typeBytes);
  const [min, max] = hasStarted ? [4, MAX_MESSAGE_BYTES] : [8, MAX_STARTUP_BYTES];
  if (length < min || length > max) throw new ProtocolError(`invalid message length ${length}`);
  return typeBytes + length;
}
