/**
 * Messages of PostgreSQL's wire protocol, version 3: a type byte, a length that includes itself, and the fields.
 * Source: https://www.postgresql.org/docs/current/protocol-message-formats.html
 */

/** The client violated the protocol, so the rest of its data cannot be interpreted. */
export class ProtocolError extends Error {
  override name = 'ProtocolError';
}

export const SYNC = frame('S');
/**
 * ReadyForQuery. Its transaction status is always idle, because the SQL port keeps no transaction even if the client
 * began one.
 */
export const READY_FOR_QUERY = frame('Z', Buffer.from('I'));
export const CLOSE_COMPLETE = frame('3');

export function frame(type: string, ...fields: Uint8Array[]): Uint8Array {
  const length = fields.reduce((sum, field) => sum + field.length, 4);
  return Buffer.concat([Buffer.from(type), int32(length), ...fields]);
}

export function int16(value: number): Uint8Array {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function int32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function cString(text: string | Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(text), Buffer.alloc(1)]);
}

export function commandComplete(tag: string): Uint8Array {
  return frame('C', cString(tag));
}

export interface ErrorFields {
  severity?: 'ERROR' | 'FATAL';
  /** SQLSTATE. */
  code: string;
  message: string;
  hint?: string;
}

export function errorResponse({ severity = 'ERROR', code, message, hint }: ErrorFields): Uint8Array {
  // Field S can be localized, field V never is. Some clients read S, other clients read V.
  const fields = [`S${severity}`, `V${severity}`, `C${code}`, `M${message}`];
  if (hint !== undefined) fields.push(`H${hint}`);
  return frame('E', ...fields.map(cString), Buffer.alloc(1));
}

/** Returns the fields of an ErrorResponse by their letter: `C` is the SQLSTATE, `M` the message. */
export function readErrorFields(error: Uint8Array): Map<string, string> {
  const fields = Buffer.from(error.subarray(5)).toString().split('\0');
  return new Map(fields.map((field) => [field.charAt(0), field.slice(1)]));
}

/**
 * Reads the NUL-terminated string that starts at `at`.
 * @returns its bytes, and the position of the next field
 * @throws {ProtocolError} the string is not terminated
 */
export function readCString(message: Uint8Array, at: number): { bytes: Uint8Array; next: number } {
  const end = message.indexOf(0, at);
  if (end === -1) throw new ProtocolError('invalid string in message');
  return { bytes: message.subarray(at, end), next: end + 1 };
}

/** Reads a NUL-terminated string as {@link readCString} does, and returns only its text. */
export function readText(message: Uint8Array, at: number): string {
  return Buffer.from(readCString(message, at).bytes).toString();
}

export function typeOf(message: Uint8Array): string {
  return String.fromCharCode(message[0] ?? 0);
}

/**
 * Replaces every message in a response of the server by the result of `rewrite`. Rows (DataRow and CopyData) are copied
 * without calling `rewrite`, because a response can have a million rows.
 */
export function rewriteFrames(
  answer: Uint8Array,
  rewrite: (type: string, frame: Uint8Array) => Uint8Array,
): Uint8Array {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
  const parts: Uint8Array[] = [];
  let rowsFrom = 0;
  for (let at = 0, end = 0; at < answer.length; at = end) {
    end = at + 1 + view.getUint32(at + 1);
    const type = String.fromCharCode(view.getUint8(at));
    if (type === 'D' || type === 'd') continue;
    parts.push(answer.subarray(rowsFrom, at), rewrite(type, answer.subarray(at, end)));
    rowsFrom = end;
  }
  parts.push(answer.subarray(rowsFrom));
  return Buffer.concat(parts);
}
