import { DatabaseError } from './database.ts';

/**
 * Whether a statement failed without an answer of the server, or because the server ended the connection: SQLSTATE
 * classes 08 and 57. The statement may have taken effect nevertheless.
 */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return false;
  const code = error.code ?? '';
  return !/^(?=.*\d)[0-9A-Z]{5}$/.test(code) || /^(08|57)/.test(code);
}

/** Whether a statement or the opening of a connection took too long. A repetition would take as long again. */
export function isTimeout(error: unknown): boolean {
  return error instanceof DatabaseError && (error.code === '57014' || /time(d )?-?out/i.test(error.message));
}
