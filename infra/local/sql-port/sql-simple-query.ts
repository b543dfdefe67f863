import { cString, frame, int16, int32, readErrorFields, rewriteFrames } from './sql-messages.ts';
import { SEVERAL_STATEMENTS_REFUSED } from './sql-refusals.ts';
import { isOfTheServersSession } from './sql-unit.ts';

const NOTHING = new Uint8Array();

/** The text of a simple Query as messages that do the same in the extended protocol, without the Sync. */
export function asExtendedQuery(sql: Uint8Array): Uint8Array[] {
  const unnamed = cString('');
  return [
    frame('P', unnamed, cString(sql), int16(0)),
    // No parameters; every column as text.
    frame('B', unnamed, unnamed, int16(0), int16(0), int16(0)),
    frame('D', Buffer.from('P'), unnamed),
    frame('E', unnamed, int32(0)),
  ];
}

/** The answer to {@link asExtendedQuery} as the one to a simple Query, without the ReadyForQuery. */
export function toSimpleAnswer(answer: Uint8Array): Uint8Array {
  return rewriteFrames(answer, (type, frame) => {
    // ParseComplete, BindComplete and NoData answer messages the client has not sent.
    if (type === '1' || type === '2' || type === 'n' || isOfTheServersSession(type)) return NOTHING;
    return type === 'E' && isAboutSeveralStatements(frame) ? SEVERAL_STATEMENTS_REFUSED : frame;
  });
}

/** The server speaks of a prepared statement then, which the client knows nothing of. */
function isAboutSeveralStatements(error: Uint8Array): boolean {
  const fields = readErrorFields(error);
  return (
    fields.get('C') === '42601' && fields.get('M')?.startsWith('cannot insert multiple commands') === true
  );
}
