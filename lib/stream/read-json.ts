import { StreamEventError } from './stream-event.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws {StreamEventError} unless the bytes are JSON in UTF-8; the message calls them by `name` */
export function readJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    // The parser's own message quotes the data.
    throw new StreamEventError('not-json', `${name} is not JSON in UTF-8`);
  }
}
