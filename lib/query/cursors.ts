import { createSigner, type SigningKeys } from '../common/signed-text.ts';
import type { Position } from './model.ts';
import { invalidCursor } from './ports/query-reader.ts';

/** Converts positions to cursors, which clients send back for the next page. */
export interface Cursors {
  /** @param query the name of the query and its filters; the cursor is valid only for the same query */
  write(position: Position, query: readonly string[]): string;
  /** @throws {QueryError} `invalid-cursor` if the cursor was not created by `write` for this query */
  read(cursor: string, query: readonly string[]): Position;
}

/**
 * Creates cursors that are signed, so that a cursor that was cut off, changed or created for another query is detected.
 * @param keys the first key signs; cursors that any of the keys has signed are accepted
 */
export function createCursors(keys: SigningKeys): Cursors {
  const signer = createSigner(keys);
  return {
    write: (position, query) => signer.sign(JSON.stringify(position), ['query-cursor', ...query]),
    read(cursor, query) {
      const content = signer.open(cursor, ['query-cursor', ...query]);
      const position = content === null ? null : parsePosition(content);
      if (position === null) throw invalidCursor();
      return position;
    },
  };
}

/** Returns null if the content is not a position: in AWS, the key is not a secret, so a caller can sign any text. */
function parsePosition(content: string): Position | null {
  try {
    const position: unknown = JSON.parse(content);
    const isPosition = Array.isArray(position) && position.every((value) => typeof value === 'string');
    return isPosition ? position : null;
  } catch {
    return null;
  }
}
