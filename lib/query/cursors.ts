import { createSigner, type SigningKeys } from '../common/signed-text.ts';
import type { Position } from './model.ts';
import { QueryError } from './ports/query-reader.ts';

/** Converts positions to cursors, which clients send back for the next page. */
export interface Cursors {
  /** @param query the name of the query and its filters; the cursor is valid only for the same query */
  write(position: Position, query: readonly string[]): string;
  /** @throws {QueryError} `invalid-cursor` if the cursor was not created by `write` for this query */
  read(cursor: string, query: readonly string[]): Position;
}

/**
 * Creates cursors that are signed, so that a position always has the form that the query expects.
 * @param keys the service's token keys; cursors of all keys are accepted
 */
export function createCursors(keys: SigningKeys): Cursors {
  const signer = createSigner(keys);
  return {
    write: (position, query) => signer.sign(JSON.stringify(position), ['query-cursor', ...query]),
    read(cursor, query) {
      const content = signer.open(cursor, ['query-cursor', ...query]);
      if (content === null) {
        throw new QueryError(
          'invalid-cursor',
          'the cursor is invalid for this query; start again without a cursor',
        );
      }
      return JSON.parse(content);
    },
  };
}
