import { ValueRefusedError } from '../../../lib/common/errors.ts';
import { errorResponse } from './sql-messages.ts';

/** What a connection may keep in prepared statements and in a unit that is not run yet. */
export const MAX_HELD_BYTES = 32 * 1024 * 1024;

export const TOO_MUCH_HELD = errorResponse({
  code: '54000',
  message: `this connection holds more than ${MAX_HELD_BYTES} bytes of prepared statements`,
  hint: 'Close or DEALLOCATE some of them.',
});

export const FUNCTION_CALL_REFUSED = errorResponse({
  code: '0A000',
  message: 'function calls by message are not supported here',
  hint: 'Call the function in a SELECT.',
});

export const SEVERAL_STATEMENTS_REFUSED = errorResponse({
  code: '42601',
  message: 'one statement at a time here: this is a read-only front',
  hint: 'Send the statements one by one.',
});

/** What the client is told where the database ended its statement or could not run it, as an ErrorResponse. */
export function refusal(error: unknown): Uint8Array {
  const { message, code } = error as { message?: unknown; code?: unknown };
  if (error instanceof ValueRefusedError || code === '54000') {
    return errorResponse({
      code: '54000',
      message: 'the result is too large',
      hint: 'Add a LIMIT, or select fewer columns.',
    });
  }
  const sqlState = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : 'XX000';
  const hint = 'Add a LIMIT or a narrower WHERE: while a statement runs, everybody else waits for it.';
  return errorResponse({
    code: sqlState,
    message: String(message ?? error),
    ...(sqlState === '57014' ? { hint } : {}),
  });
}
