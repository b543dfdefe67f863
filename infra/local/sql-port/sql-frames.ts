import { ProtocolError } from './sql-messages.ts';

/**
 * PostgreSQL's limit for the first packet. If an HTTP request is read as a packet, its length is far above this limit.
 */
const MAX_STARTUP_BYTES = 10_000;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * Splits the bytes of a client into messages, regardless of the chunks in which the bytes arrive. Messages before the
 * start of the session have only a length and no type byte. If the last message is incomplete, it is dropped.
 * @param hasStarted returns whether the session has started; called before each message
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
    // A large message arrives in hundreds of chunks. They are joined only once, when the message is complete.
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
 * Returns the length of the first message in `bytes`. While the length is unknown, returns the available bytes plus
 * one.
 */
function messageBytes(bytes: Buffer, hasStarted: boolean): number {
  const typeBytes = hasStarted ? 1 : 0;
  if (bytes.length < typeBytes + 4) return bytes.length + 1;
  const length = bytes.readUInt32BE(typeBytes);
  const [min, max] = hasStarted ? [4, MAX_MESSAGE_BYTES] : [8, MAX_STARTUP_BYTES];
  if (length < min || length > max) throw new ProtocolError(`invalid message length ${length}`);
  return typeBytes + length;
}
