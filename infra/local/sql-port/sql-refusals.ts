import { ValueRefusedError } from '../../../lib/common/errors.ts';
import { errorResponse } from './sql-messages.ts';

/**
 * Maximum number of bytes that a connection can hold in memory: its prepared statements, and the messages that have not
 * run yet.
 */
export const MAX_HELD_BYTES = 32 * 1024 * 1024;

export const TOO_MUCH_HELD = errorResponse({
  code: '54000',
  message: `this connection holds more than ${MAX_HELD_BYTES} bytes of prepared statements`,
  hint: 'Close or DEALLOCATE some of them.',
});

export const FUNCTION_CALL_REFUSED = errorResponse({
  code: '0A000',
  message: 'the FunctionCall message is not supported',
  hint: 'Call the function in a SELECT.',
});

export const SEVERAL_STATEMENTS_REFUSED = errorResponse({
  code: '42601',
  message: 'this read-only port accepts only one statement at a time',
  hint: 'Send the statements one by one.',
});

export const INCOMPLETE_MESSAGE = errorResponse({
  severity: 'FATAL',
  code: '08P01',
  message: 'terminating connection: the rest of a message did not arrive in time',
});

/** Converts an error of the database to an ErrorResponse for the client. */
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
  const hint = 'Add a LIMIT or a narrower WHERE: other clients wait while a statement runs.';
  return errorResponse({
    code: sqlState,
    message: String(message ?? error),
    ...(sqlState === '57014' ? { hint } : {}),
  });
}
