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

/**
 * A prepared statement of the client. The server does not keep it. Each unit that uses the statement therefore parses
 * it again.
 */
export interface PreparedStatement {
  parse: Uint8Array;
  control: ControlStatement | undefined;
}

/** The prepared statements of one connection by name; '' is the name of the unnamed statement. */
export type PreparedStatements = Map<string, PreparedStatement>;

/**
 * Messages of the extended protocol that are sent to the server together. A unit has at most one Execute, as its last
 * message.
 */
export interface Unit {
  /** The messages for the server, without the Sync. */
  messages: Uint8Array[];
  /** Adds a Parse, Bind, Describe or Execute of the client. */
  add(message: Uint8Array): void;
  /**
   * Converts the server's response to the response that the client expects. Stores the statements that the client
   * prepared in this unit.
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

  /**
   * Adds a Parse message for a statement of an earlier unit. If the statement is unknown, adds nothing, and the server
   * reports the error.
   */
  function repeatParse(name: string): void {
    const statement = prepared.get(name);
    if (statement !== undefined && find(name) === undefined) parse(name, statement, true);
  }

  function add(message: Uint8Array): void {
    const { next } = readCString(message, 5);
    switch (typeOf(message)) {
      case 'P': {
        const name = readText(message, 5);
        // PostgreSQL rejects a Parse with a name in use. If an earlier unit used the name, its statement is parsed
        // again first, so that the server rejects the new Parse.
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

/** Removes the prepared statements that a DEALLOCATE or DISCARD names. */
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
  // The message is copied: it is a view of a larger chunk from the socket, and would keep that chunk in memory.
  const parse = control ? frame('P', cString(name), cString(''), int16(0)) : new Uint8Array(message);
  return { parse, control };
}
