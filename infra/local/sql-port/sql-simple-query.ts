import { cString, frame, int16, int32, readErrorFields, rewriteFrames } from './sql-messages.ts';
import { SEVERAL_STATEMENTS_REFUSED } from './sql-refusals.ts';
import { isSessionMessage } from './sql-unit.ts';

const NOTHING = new Uint8Array();

/** Converts the text of a simple Query to equivalent messages of the extended protocol, without the Sync. */
export function asExtendedQuery(sql: Uint8Array): Uint8Array[] {
  const unnamed = cString('');
  return [
    frame('P', unnamed, cString(sql), int16(0)),
    // The query has no parameters. All columns are in text format.
    frame('B', unnamed, unnamed, int16(0), int16(0), int16(0)),
    frame('D', Buffer.from('P'), unnamed),
    frame('E', unnamed, int32(0)),
  ];
}

/**
 * Converts the response to the messages of {@link asExtendedQuery} to the response to a simple Query, without the
 * ReadyForQuery.
 */
export function toSimpleAnswer(answer: Uint8Array): Uint8Array {
  return rewriteFrames(answer, (type, frame) => {
    // ParseComplete, BindComplete and NoData are dropped: they respond to messages that the client did not send.
    if (type === '1' || type === '2' || type === 'n' || isSessionMessage(type)) return NOTHING;
    return type === 'E' && isAboutSeveralStatements(frame) ? SEVERAL_STATEMENTS_REFUSED : frame;
  });
}

/**
 * Detects the server's error about several statements in one Query. Its text mentions a prepared statement, which would
 * confuse a client that created none.
 */
function isAboutSeveralStatements(error: Uint8Array): boolean {
  const fields = readErrorFields(error);
  return (
    fields.get('C') === '42601' && fields.get('M')?.startsWith('cannot insert multiple commands') === true
  );
}
