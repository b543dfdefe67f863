import { describe, expect, it } from 'vitest';
import { controlStatement } from '../../../infra/local/sql-port/sql-control.ts';
import { readFrames } from '../../../infra/local/sql-port/sql-frames.ts';
import {
  commandComplete,
  cString,
  errorResponse,
  frame,
  int16,
  int32,
  ProtocolError,
  readCString,
  readErrorFields,
  readText,
  SYNC,
  typeOf,
} from '../../../infra/local/sql-port/sql-messages.ts';
import { createSqlSession } from '../../../infra/local/sql-port/sql-session.ts';
import { readStartupPacket } from '../../../infra/local/sql-port/sql-startup.ts';
import { ValueRefusedError } from '../../../lib/common/errors.ts';
import { DatabaseError } from '../../../lib/database/database.ts';

const query = (sql: string) => frame('Q', cString(sql));
const parse = (name: string, sql: string) => frame('P', cString(name), cString(sql), int16(0));
const bind = (portal: string, statement: string) =>
  frame('B', cString(portal), cString(statement), int16(0), int16(0), int16(0));
const describeStatement = (name: string) => frame('D', cString(`S${name}`));
const describePortal = (name: string) => frame('D', cString(`P${name}`));
const execute = (portal: string) => frame('E', cString(portal), int32(0));
const closeStatement = (name: string) => frame('C', cString(`S${name}`));
const FLUSH = frame('H');

/**
 * Creates a server that keeps no statement or portal between units, like the embedded database. A unit is the messages
 * that the session sends together, up to a Sync.
 */
function createServer() {
  const units: string[] = [];
  async function readOnly(messages: Uint8Array): Promise<Uint8Array> {
    const sent = await split(messages);
    units.push(sent.map(typeOf).join(''));
    const statements = new Map<string, string>();
    const portals = new Map<string, string>();
    const responses: Uint8Array[] = [];
    for (const message of sent.slice(0, -1)) {
      const response = respondTo(message, statements, portals);
      responses.push(response);
      if (typeOf(response) === 'E') break;
    }
    return Buffer.concat([
      ...responses,
      frame('S', cString('TimeZone'), cString('UTC')),
      frame('Z', Buffer.from('T')),
    ]);
  }
  return { readOnly, units };
}

function respondTo(message: Uint8Array, statements: Map<string, string>, portals: Map<string, string>) {
  const first = readText(message, 5);
  const { next } = readCString(message, 5);
  const missing = (code: string) => errorResponse({ code, message: `${first} does not exist` });
  switch (typeOf(message)) {
    case 'P': {
      if (statements.has(first) && first !== '') return errorResponse({ code: '42P05', message: 'taken' });
      const sql = readText(message, next);
      if (sql.includes(';')) {
        return errorResponse({
          code: '42601',
          message: 'cannot insert multiple commands into a prepared statement',
        });
      }
      if (sql.includes('selec ')) return errorResponse({ code: '42601', message: 'syntax error' });
      statements.set(first, sql);
      return frame('1');
    }
    case 'B': {
      const sql = statements.get(readText(message, next));
      if (sql === undefined) return missing('26000');
      portals.set(first, sql);
      return frame('2');
    }
    case 'D': {
      const sql = (first.startsWith('S') ? statements : portals).get(first.slice(1));
      if (sql === undefined) return missing('26000');
      return sql === '' ? frame('n') : frame('T', cString(sql));
    }
    default: {
      const sql = portals.get(first);
      if (sql === undefined) return missing('34000');
      if (sql === '') return frame('I');
      if (sql === 'select fail') return errorResponse({ code: '22012', message: 'division by zero' });
      return Buffer.concat([frame('D', cString(sql)), commandComplete('SELECT 1')]);
    }
  }
}

async function split(bytes: Uint8Array): Promise<Uint8Array[]> {
  return collect(readFrames(from([bytes]), () => true));
}

async function collect(messages: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const collected: Uint8Array[] = [];
  for await (const message of messages) collected.push(message);
  return collected;
}

async function* from(chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** Opens a session. `send` returns the types of the received frames, with their tags or SQLSTATEs. */
function connect(readOnly?: (messages: Uint8Array) => Promise<Uint8Array>) {
  const server = createServer();
  const session = createSqlSession(readOnly ?? server.readOnly);
  return {
    units: server.units,
    async send(...messages: Uint8Array[]): Promise<string> {
      const responses: Uint8Array[] = [];
      for (const message of messages) responses.push(await session.handle(message));
      return (await split(Buffer.concat(responses))).map(describeFrame).join(' ');
    },
    session,
  };
}

function describeFrame(response: Uint8Array): string {
  const type = typeOf(response);
  if (type === 'C') return `C(${readText(response, 5)})`;
  if (type === 'D' || type === 'T') return `${type}(${readText(response, 5)})`;
  if (type === 'E') return `E(${readErrorFields(response).get('C')})`;
  return type === 'Z' ? `Z${readText(Buffer.from([...response, 0]), 5)}` : type;
}

describe('a simple query', () => {
  it('returns its result and an idle session', async () => {
    const { send } = connect();
    expect(await send(query('select 1'))).toBe('T(select 1) D(select 1) C(SELECT 1) ZI');
    expect(await send(query(''))).toBe('I ZI');
  });

  it('succeeds after an error', async () => {
    const { send } = connect();
    expect(await send(query('BEGIN'))).toBe('C(BEGIN) ZI');
    expect(await send(query('selec 1'))).toBe('E(42601) ZI');
    expect(await send(query('select 1'))).toBe('T(select 1) D(select 1) C(SELECT 1) ZI');
  });

  it.each(['select 1; select 2', 'begin; select 1'])('of several statements is rejected: %s', async (sql) => {
    const { session } = connect();
    const [errorFrame] = await split(await session.handle(query(sql)));
    const fields = readErrorFields(errorFrame ?? SYNC);
    expect(fields.get('C')).toBe('42601');
    expect(fields.get('M')).toContain('only one statement at a time');
    expect(fields.get('H')).toContain('one by one');
  });

  it('runs after earlier messages of the extended protocol, even if no Sync followed them', async () => {
    const { send, units } = connect();
    expect(await send(parse('a', 'select 2'), query('select 1'))).toBe(
      '1 T(select 1) D(select 1) C(SELECT 1) ZI',
    );
    expect(units).toEqual(['PS', 'PBDES']);
  });
});

describe('the extended protocol', () => {
  it('sends each Execute to the database in its own unit, and responds as if one session had run all of them', async () => {
    const { send, units } = connect();
    const two = [bind('', 'a'), describePortal(''), execute(''), bind('', 'a'), execute('')];
    expect(await send(parse('a', 'select 1'), ...two, SYNC)).toBe(
      '1 2 T(select 1) D(select 1) C(SELECT 1) 2 D(select 1) C(SELECT 1) ZI',
    );
    expect(units).toEqual(['PBDES', 'PBES']);
  });

  it('keeps a statement only for the connection that prepared it', async () => {
    const { send } = connect();
    expect(await send(parse('a', 'select 1'), describeStatement('a'), SYNC)).toBe('1 T(select 1) ZI');
    expect(await send(bind('', 'a'), execute(''), SYNC)).toBe('2 D(select 1) C(SELECT 1) ZI');
    expect(await send(describeStatement('a'), SYNC)).toBe('T(select 1) ZI');
    expect(await connect().send(bind('', 'a'), SYNC)).toBe('E(26000) ZI');
  });

  it('rejects a duplicate statement name and keeps the first statement', async () => {
    const { send } = connect();
    await send(parse('a', 'select 1'), SYNC);
    expect(await send(parse('a', 'select 2'), SYNC)).toBe('E(42P05) ZI');
    expect(await send(describeStatement('a'), SYNC)).toBe('T(select 1) ZI');
  });

  it.each([
    ['Close', closeStatement('a'), '3'],
    ['DEALLOCATE', query('deallocate prepare "a"'), 'C(DEALLOCATE) ZI'],
    ['DEALLOCATE ALL', query('DEALLOCATE ALL'), 'C(DEALLOCATE ALL) ZI'],
    ['DISCARD ALL', query('discard all;'), 'C(DISCARD ALL) ZI'],
  ])('forgets a statement after %s', async (_, message, response) => {
    const { send } = connect();
    await send(parse('a', 'select 1'), SYNC);
    expect(await send(message)).toBe(response);
    expect(await send(bind('', 'a'), SYNC)).toBe('E(26000) ZI');
  });

  it('does not keep a statement that could not be parsed', async () => {
    const { send } = connect();
    expect(await send(parse('a', 'selec 1'), SYNC)).toBe('E(42601) ZI');
    expect(await send(bind('', 'a'), SYNC)).toBe('E(26000) ZI');
  });

  it('skips messages after an error, up to the next Sync', async () => {
    const { send } = connect();
    const failing = [parse('', 'select fail'), bind('', ''), execute('')];
    expect(await send(...failing, parse('b', 'select 1'), query('select 1'), FLUSH, SYNC)).toBe(
      '1 2 E(22012) ZI',
    );
    expect(await send(bind('', 'b'), SYNC)).toBe('E(26000) ZI');
  });

  it('responds to Flush without ReadyForQuery', async () => {
    const { send } = connect();
    expect(await send(parse('', 'select 1'), describeStatement(''), FLUSH)).toBe('1 T(select 1)');
    expect(await send(bind('', ''), execute(''), SYNC)).toBe('2 D(select 1) C(SELECT 1) ZI');
  });

  it('closes portals at each Sync, when the unit ends', async () => {
    const { send } = connect();
    expect(await send(parse('', 'select 1'), bind('p', ''), SYNC)).toBe('1 2 ZI');
    expect(await send(execute('p'), SYNC)).toBe('E(34000) ZI');
  });

  it('returns the tag of a control statement without sending it to the database', async () => {
    const { send } = connect();
    const begin = [parse('b', 'BEGIN'), bind('', 'b'), describePortal(''), execute('')];
    const select = [parse('', 'select 1'), bind('', ''), execute('')];
    expect(await send(...begin, ...select, SYNC)).toBe('1 2 n C(BEGIN) 1 2 D(select 1) C(SELECT 1) ZI');
    expect(await send(bind('', 'b'), execute(''), SYNC)).toBe('2 C(BEGIN) ZI');
  });

  it('limits the size of the prepared statements of a connection', async () => {
    const { send } = connect();
    const large = 'x'.repeat(9 * 1024 * 1024);
    for (const name of ['a', 'b', 'c']) expect(await send(parse(name, large), SYNC)).toBe('1 ZI');
    expect(await send(parse('d', large), SYNC)).toBe('E(54000) ZI');
    expect(await send(query('deallocate all'), parse('d', large), SYNC)).toBe('C(DEALLOCATE ALL) ZI 1 ZI');
  });
});

describe('an error response', () => {
  it.each([
    [new DatabaseError('statement ended after 5000 ms', '57014'), '57014', 'statement ended after 5000 ms'],
    [
      new ValueRefusedError('the database refused a value (SQLSTATE 54000)'),
      '54000',
      'the result is too large',
    ],
    [new DatabaseError('too large', '54000'), '54000', 'the result is too large'],
    [new DatabaseError('the database is closed', '57P01'), '57P01', 'the database is closed'],
    [new DatabaseError('no such file', 'ENOENT'), 'XX000', 'no such file'],
    [new Error('some bug'), 'XX000', 'some bug'],
  ])('reports an error of the database: %s', async (error, code, message) => {
    let isFailing = true;
    const server = createServer();
    const { session, send } = connect((messages) =>
      isFailing ? Promise.reject(error) : server.readOnly(messages),
    );
    const [errorFrame] = await split(await session.handle(query('select 1')));
    const fields = readErrorFields(errorFrame ?? SYNC);
    expect([fields.get('C'), fields.get('M')]).toEqual([code, message]);
    expect(fields.has('H')).toBe(code === '57014' || code === '54000');
    isFailing = false;
    expect(await send(query('select 1'))).toBe('T(select 1) D(select 1) C(SELECT 1) ZI');
  });

  it('reports that FunctionCall is not supported', async () => {
    expect(await connect().send(frame('F', int32(1)))).toBe('E(0A000) ZI');
  });
});

describe('an invalid message', () => {
  it.each([
    ['an unknown type', frame('?')],
    ['a string without an end', frame('Q', Buffer.from('select 1'))],
    ['no content', frame('B')],
  ])('ends the connection: %s', async (_, message) => {
    await expect(connect().session.handle(message)).rejects.toThrow(ProtocolError);
  });
});

describe('control statements', () => {
  it.each([
    ['BEGIN', 'BEGIN'],
    ['  begin isolation level serializable ;; ', 'BEGIN'],
    ['-- hello\n/* a /* nested */ comment */ Start /**/ transaction read write', 'START TRANSACTION'],
    ['commit and chain', 'COMMIT'],
    ['END', 'COMMIT'],
    ['ROLLBACK TO SAVEPOINT a', 'ROLLBACK'],
    ['abort;-- done', 'ROLLBACK'],
    ['savepoint "a;b"', 'SAVEPOINT'],
    ['release a', 'RELEASE'],
    ["set application_name = 'it''s; me'", 'SET'],
    ["set application_name = E'it\\'s; me'", 'SET'],
    ['set application_name = $q$it;s$q$', 'SET'],
    ['reset all', 'RESET'],
    ['DISCARD ALL', 'DISCARD ALL'],
    ['deallocate all', 'DEALLOCATE ALL'],
    ['DEALLOCATE a', 'DEALLOCATE'],
    ['listen a', 'LISTEN'],
    ['UNLISTEN *', 'UNLISTEN'],
  ])('include %j', (sql, tag) => {
    expect(controlStatement(sql)?.tag).toBe(tag);
  });

  it.each([
    '',
    '-- begin',
    '/* begin',
    'select 1',
    'show all',
    'explain select 1',
    'table a',
    'values (1)',
    'with a as (select 1) select * from a',
    'copy a to stdout',
    'settings',
    'begin_work',
    'start',
    'begin; select 1',
    "set a = 'b'; /* and */ select 1",
    `set a = '${'x'.repeat(20_000)}'`,
  ])('do not include %j', (sql) => {
    expect(controlStatement(sql)).toBeUndefined();
  });

  it('have an unquoted statement name converted to lower case, as PostgreSQL does', () => {
    expect(controlStatement('DEALLOCATE PREPARE MyName')?.forgets).toEqual({ name: 'myname' });
    expect(controlStatement('DEALLOCATE "My""Name"')?.forgets).toEqual({ name: 'My"Name' });
  });

  // In quadratic time this would take minutes, longer than the timeout of the test.
  it.each(["set 'x", 'set $a', '/*', 'set "', '--\n'])('are parsed in linear time: %j', (noise) => {
    expect(controlStatement(noise.repeat(200_000))).toBeUndefined();
  });
});

describe('readFrames', () => {
  const first = query('select 1');
  const second = parse('', 'select 2');

  it.each([1, 2, 3, 7, 1_000])('splits a stream into messages, read in chunks of %i bytes', async (size) => {
    const bytes = Buffer.concat([first, second, first]);
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    );
    const messages = await collect(readFrames(from(chunks), () => true));
    expect(messages.map((message) => Buffer.from(message))).toEqual([first, second, first]);
  });

  it('rejects invalid lengths, and drops an incomplete message', async () => {
    const read = (bytes: number[], hasStarted: boolean) =>
      collect(readFrames(from([Buffer.from(bytes)]), () => hasStarted));
    await expect(read([81, 0xff, 0xff, 0xff, 0xff], true)).rejects.toThrow(ProtocolError);
    await expect(read([81, 0, 0, 0, 3], true)).rejects.toThrow(ProtocolError);
    await expect(read([...Buffer.from('GET / HTTP/1.1')], false)).rejects.toThrow(ProtocolError);
    await expect(read([0, 0, 0, 0], false)).rejects.toThrow(ProtocolError);
    expect(await read([81, 0, 0, 0, 9, 1], true)).toEqual([]);
  });
});

describe('the startup packet', () => {
  const packet = (version: number, ...fields: Uint8Array[]) =>
    Buffer.concat([int32(8 + Buffer.concat(fields).length), int32(version), ...fields]);
  const user = [cString('user'), cString('me')];
  const end = cString('');

  it('may request TLS, GSSAPI encryption, or the cancellation of a statement', () => {
    expect(readStartupPacket(packet(80877103)).kind).toBe('ssl');
    expect(readStartupPacket(packet(80877104)).kind).toBe('encryption');
    expect(readStartupPacket(packet(80877102, int32(1), int32(2))).kind).toBe('cancel');
  });

  it('gets a reply only if it requests a newer version than 3.0; the reply offers version 3.0', () => {
    const plain = packet(0x00030000, ...user, end);
    expect(readStartupPacket(plain)).toEqual({ kind: 'start', reply: new Uint8Array() });
    expect(readStartupPacket(packet(0x00030002, ...user, cString('_pq_.a'), cString('1'), end))).toEqual({
      kind: 'start',
      reply: frame('v', int32(0x00030000), int32(1), cString('_pq_.a')),
    });
  });

  it.each([
    ['another version', packet(0x00020000, ...user, end)],
    ['no end', packet(0x00030000, ...user)],
    ['a name without a value', packet(0x00030000, Buffer.from('user'))],
  ])('is rejected with %s', (_, bytes) => {
    expect(() => readStartupPacket(bytes)).toThrow(ProtocolError);
  });
});
