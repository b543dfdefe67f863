import { type ControlStatement, controlStatement } from './sql-control.ts';
import {
  commandComplete,
  cString,
  frame,
  int16,
  readCString,
  readText,
  rewriteFrames,
  typeOf,
} from './sql-messages.ts';

/** A prepared statement of the client. The server does not keep it, so it is parsed again in each unit that uses it. */
export interface PreparedStatement {
  parse: Uint8Array;
  control: ControlStatement | undefined;
}

/** The prepared statements of one connection by name; '' is the name of the unnamed statement. */
export type PreparedStatements = Map<string, PreparedStatement>;

/** Messages of the extended protocol that run together, up to the first Execute. */
export interface Unit {
  /** The messages for the server, without the Sync. */
  messages: Uint8Array[];
  /** Adds a Parse, Bind, Describe or Execute of the client. */
  add(message: Uint8Array): void;
  /**
   * Converts the server's response to the response that the client expects. Stores the statements that the unit
   * prepared.
   */
  receive(answer: Uint8Array): { answer: Uint8Array; hasFailed: boolean };
}

const NOTHING = new Uint8Array();

/** Creates an empty unit. The unit uses the prepared statements of its connection and adds to them. */
export function createUnit(prepared: PreparedStatements): Unit {
  const messages: Uint8Array[] = [];
  const parses: { name: string; statement: PreparedStatement; isRepeated: boolean }[] = [];
  const portals = new Map<string, ControlStatement | undefined>();
  let executed: ControlStatement | undefined;

  function parse(name: string, statement: PreparedStatement, isRepeated: boolean): void {
    messages.push(statement.parse);
    parses.push({ name, statement, isRepeated });
  }

  function find(name: string): PreparedStatement | undefined {
    return parses.findLast((parsed) => parsed.name === name)?.statement;
  }

  /** Parses a statement of an earlier unit again. For an unknown statement, the server reports the error. */
  function repeatParse(name: string): void {
    const statement = prepared.get(name);
    if (statement !== undefined && find(name) === undefined) parse(name, statement, true);
  }

  function add(message: Uint8Array): void {
    const { next } = readCString(message, 5);
    switch (typeOf(message)) {
      case 'P': {
        const name = readText(message, 5);
        // A name in use must be rejected. The server rejects the name after it has parsed the earlier statement again.
        if (name !== '') repeatParse(name);
        parse(name, toStatement(message), false);
        return;
      }
      case 'B':
        repeatParse(readText(message, next));
        portals.set(readText(message, 5), find(readText(message, next))?.control);
        break;
      case 'D':
        if (message[5] === 'S'.charCodeAt(0)) repeatParse(readText(message, 6));
        break;
      case 'E':
        executed = portals.get(readText(message, 5));
    }
    messages.push(message);
  }

  function receiveParse(): boolean {
    const parsed = parses.shift();
    if (parsed === undefined || parsed.isRepeated) return false;
    prepared.set(parsed.name, parsed.statement);
    return true;
  }

  function receive(serverAnswer: Uint8Array): { answer: Uint8Array; hasFailed: boolean } {
    let hasFailed = false;
    const answer = rewriteFrames(serverAnswer, (type, frame) => {
      if (type === '1' && !receiveParse()) return NOTHING;
      if (type === 'I' && executed) {
        forget(prepared, executed);
        return commandComplete(executed.tag);
      }
      hasFailed ||= type === 'E';
      return isSessionMessage(type) ? NOTHING : frame;
    });
    return { answer, hasFailed };
  }

  return { messages, add, receive };
}

/** Returns whether a message concerns the server's own session: ReadyForQuery, ParameterStatus and notifications. */
export function isSessionMessage(type: string): boolean {
  return type === 'Z' || type === 'S' || type === 'A';
}

/** Drops the prepared statements that a DEALLOCATE or DISCARD names. */
export function forget(prepared: PreparedStatements, { forgets }: ControlStatement): void {
  if (forgets === 'all') prepared.clear();
  else if (forgets) prepared.delete(forgets.name);
}

/**
 * Reads a statement from a Parse message. A control statement must not run, so it is replaced by an empty statement,
 * which has no effect.
 */
function toStatement(message: Uint8Array): PreparedStatement {
  const { bytes: name, next } = readCString(message, 5);
  const control = controlStatement(readText(message, next));
  // The message is copied, because it is a view of a larger chunk from the socket.
  const parse = control ? frame('P', cString(name), cString(''), int16(0)) : new Uint8Array(message);
  return { parse, control };
}
