import { controlStatement } from './sql-control.ts';
import {
  CLOSE_COMPLETE,
  commandComplete,
  ProtocolError,
  READY_FOR_QUERY,
  readCString,
  readText,
  SYNC,
  typeOf,
} from './sql-messages.ts';
import { FUNCTION_CALL_REFUSED, MAX_HELD_BYTES, refusal, TOO_MUCH_HELD } from './sql-refusals.ts';
import { asExtendedQuery, toSimpleAnswer } from './sql-simple-query.ts';
import { createUnit, forget, type PreparedStatements } from './sql-unit.ts';

export interface SqlSession {
  /**
   * Handles one message of the client after startup. The caller must wait for the result before it passes the next
   * message.
   * @returns the response, often empty
   * @throws {ProtocolError} the message cannot be interpreted; close the connection
   */
  handle(message: Uint8Array): Promise<Uint8Array>;
}

const NOTHING = new Uint8Array();

/**
 * Keeps the state of one client connection. The database has no session for the connection, because every statement
 * runs in its own read-only transaction, which is rolled back. The session therefore emulates the client's
 * transactions, settings and prepared statements.
 * @param readOnly runs messages that end in Sync and have at most one Execute; returns the server's response
 */
export function createSqlSession(readOnly: (messages: Uint8Array) => Promise<Uint8Array>): SqlSession {
  const prepared: PreparedStatements = new Map();
  let unit = createUnit(prepared);
  /** After an error, messages up to the client's next Sync are skipped, as in PostgreSQL. */
  let isSkipping = false;

  async function handle(message: Uint8Array): Promise<Uint8Array> {
    const type = typeOf(message);
    if (type === 'S') return sync();
    if (isSkipping) return NOTHING;
    switch (type) {
      case 'Q':
        return Buffer.concat([await runUnit(), await simpleQuery(readCString(message, 5).bytes)]);
      case 'P':
      case 'B':
      case 'D':
        return add(message);
      case 'E':
        // The messages collected so far (a unit) run at each Execute, not only at the Sync, because `readOnly` allows
        // only one Execute. PostgreSQL's protocol allows a response before the Sync.
        return Buffer.concat([add(message), await runUnit()]);
      case 'C':
        return close(message);
      case 'H':
        return runUnit();
      case 'F':
        return Buffer.concat([FUNCTION_CALL_REFUSED, READY_FOR_QUERY]);
      case 'd':
      case 'c':
      case 'f':
        // The client sends these messages after a COPY FROM STDIN, which was already rejected.
        return NOTHING;
      default:
        throw new ProtocolError(`invalid frontend message type ${message[0]}`);
    }
  }

  async function sync(): Promise<Uint8Array> {
    const answer = await runUnit();
    isSkipping = false;
    return Buffer.concat([answer, READY_FOR_QUERY]);
  }

  function add(message: Uint8Array): Uint8Array {
    const statements = [...prepared.values()].map(({ parse }) => parse);
    const held = [...statements, ...unit.messages].reduce((sum, { length }) => sum + length, message.length);
    if (held <= MAX_HELD_BYTES) {
      unit.add(message);
      return NOTHING;
    }
    unit = createUnit(prepared);
    isSkipping = true;
    return TOO_MUCH_HELD;
  }

  async function runUnit(): Promise<Uint8Array> {
    const { messages, receive } = unit;
    unit = createUnit(prepared);
    if (messages.length === 0) return NOTHING;
    const { answer, hasFailed } = receive(await ask(messages));
    isSkipping = hasFailed;
    return answer;
  }

  async function ask(messages: Uint8Array[]): Promise<Uint8Array> {
    try {
      return await readOnly(Buffer.concat([...messages, SYNC]));
    } catch (error) {
      return refusal(error);
    }
  }

  /**
   * Handles a Close message without the server. The server has nothing to close: a portal ends with its unit, and
   * prepared statements are stored only in this session.
   */
  async function close(message: Uint8Array): Promise<Uint8Array> {
    const name = readText(message, 6);
    const answer = await runUnit();
    if (isSkipping) return answer;
    if (message[5] === 'S'.charCodeAt(0)) prepared.delete(name);
    return Buffer.concat([answer, CLOSE_COMPLETE]);
  }

  async function simpleQuery(sql: Uint8Array): Promise<Uint8Array> {
    if (isSkipping) return NOTHING;
    prepared.delete('');
    const control = controlStatement(Buffer.from(sql).toString());
    if (control) {
      forget(prepared, control);
      return Buffer.concat([commandComplete(control.tag), READY_FOR_QUERY]);
    }
    return Buffer.concat([toSimpleAnswer(await ask(asExtendedQuery(sql))), READY_FOR_QUERY]);
  }

  return { handle };
}
