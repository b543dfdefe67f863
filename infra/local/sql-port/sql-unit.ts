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

/** A statement the client has prepared: the server keeps none, so it is parsed again wherever it is used. */
export interface PreparedStatement {
  parse: Uint8Array;
  control: ControlStatement | undefined;
}

/** Prepared statements of one connection by name; '' is the unnamed one. */
export type PreparedStatements = Map<string, PreparedStatement>;

/** What is run at once: messages of the extended protocol up to the first Execute. */
export interface Unit {
  /** For the server, without the Sync. */
  messages: Uint8Array[];
  /** Takes a Parse, Bind, Describe or Execute of the client. */
  add(message: Uint8Array): void;
  /** Makes of the server's answer the one the client expects, and keeps what it prepared. */
  receive(answer: Uint8Array): { answer: Uint8Array; hasFailed: boolean };
}

const NOTHING = new Uint8Array();

/** An empty unit that knows the statements of its connection and adds to them. */
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

  /** Parses a statement of an earlier unit again; one nobody knows is left to the server to complain about. */
  function repeatParse(name: string): void {
    const statement = prepared.get(name);
    if (statement !== undefined && find(name) === undefined) parse(name, statement, true);
  }

  function add(message: Uint8Array): void {
    const { next } = readCString(message, 5);
    switch (typeOf(message)) {
      case 'P': {
        const name = readText(message, 5);
        // A name that is taken must be refused, and is by the server if it is taken there too.
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
      return isOfTheServersSession(type) ? NOTHING : frame;
    });
    return { answer, hasFailed };
  }

  return { messages, add, receive };
}

/** ReadyForQuery, ParameterStatus and notifications speak of the one session behind the front. */
export function isOfTheServersSession(type: string): boolean {
  return type === 'Z' || type === 'S' || type === 'A';
}

/** Drops the statements that a DEALLOCATE or DISCARD takes away. */
export function forget(prepared: PreparedStatements, { forgets }: ControlStatement): void {
  if (forgets === 'all') prepared.clear();
  else if (forgets) prepared.delete(forgets.name);
}

/** A control statement is not to be run, so the server gets an empty one, which is run without effect. */
function toStatement(message: Uint8Array): PreparedStatement {
  const { bytes: name, next } = readCString(message, 5);
  const control = controlStatement(readText(message, next));
  // A copy: the message is part of a larger piece of what the socket gave.
  const parse = control ? frame('P', cString(name), cString(''), int16(0)) : new Uint8Array(message);
  return { parse, control };
}
