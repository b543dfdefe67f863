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
   * Takes one message of the client, after start-up; to be awaited before the next.
   * @returns what to send back, often nothing
   * @throws {ProtocolError} the message cannot be understood: the connection is to be closed
   */
  handle(message: Uint8Array): Promise<Uint8Array>;
}

const NOTHING = new Uint8Array();

/**
 * The state of one client connection. Nothing of it is in the database: every statement is run alone, in a
 * read-only unit that is taken back, and what the client thinks its session holds (a transaction, settings,
 * prepared statements) is answered or remembered here.
 * @param readOnly runs messages ending in Sync, with at most one Execute, and answers with the server's frames
 */
export function createSqlSession(readOnly: (messages: Uint8Array) => Promise<Uint8Array>): SqlSession {
  const prepared: PreparedStatements = new Map();
  let unit = createUnit(prepared);
  /** After an error everything up to the client's next Sync is passed over, as PostgreSQL does. */
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
        // Run here, not at the Sync: a unit takes one Execute, and the server may answer before a Sync as well.
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
        // What is left of a COPY FROM STDIN that was refused.
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

  /** No unit keeps a portal, so closing one needs no server; nor does closing a statement, which is kept here. */
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
