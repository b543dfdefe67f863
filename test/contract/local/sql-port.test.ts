import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect as connectSocket, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readFrames } from '../../../infra/local/sql-port/sql-frames.ts';
import {
  cString,
  frame,
  int16,
  int32,
  readErrorFields,
  readText,
  SYNC,
  typeOf,
} from '../../../infra/local/sql-port/sql-messages.ts';
import { type SqlPort, startSqlPort } from '../../../infra/local/sql-port/sql-port.ts';
import { type EmbeddedDatabase, openPglite } from '../../../lib/database/drivers/pglite/open-pglite.ts';
import { placeEmptyEmbeddedDatabase } from '../../fixtures/database/embedded-template.ts';

const HOST = '127.0.0.1';
const hasPsql = spawnSync('psql', ['--version']).status === 0;
if (!hasPsql) console.log('psql is not on the PATH: its tests are skipped');

let directory: string;
let database: EmbeddedDatabase;
let sqlPort: SqlPort;
const clients: { end(): unknown }[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sql-port-'));
  const dataDir = join(directory, 'database');
  await placeEmptyEmbeddedDatabase(dataDir);
  database = await openPglite({
    dataDir,
    readTimeoutMs: 5_000,
    maxReadBytes: 24 * 1024 * 1024,
    maxReadPauseMs: 100,
  });
  for (const sql of [
    'create role query_reader',
    'create table scores (name text primary key, score int)',
    "insert into scores values ('ann', 3), ('bob', 5)",
    'create view best as select name from scores where score > 4',
    'create sequence numbers',
    'create table secrets (secret text)',
    // The reader role gets more rights here than in the product. The port must be read-only even then.
    'grant select, insert, update, delete, truncate on scores, best to query_reader',
    'grant usage, update on sequence numbers to query_reader',
    'grant create on schema public to query_reader',
  ])
    await database.query(sql);
  sqlPort = await startSqlPort({ host: HOST, port: 0, database });
});

afterEach(() => Promise.all(clients.splice(0).map((client) => client.end())));

afterAll(async () => {
  await sqlPort.close();
  await database.close();
  await rm(directory, { recursive: true, force: true });
});

async function connect(port = sqlPort.port): Promise<Client> {
  const client = new Client({ host: HOST, port, user: 'postgres', database: 'postgres' });
  client.on('error', () => {});
  await client.connect();
  clients.push(client);
  return client;
}

async function codeOf(client: Client, sql: string): Promise<string | undefined> {
  return client.query(sql).then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );
}

/** Reads, through the service's access, everything that a reader could have changed. */
async function readState(): Promise<unknown> {
  const { rows } = await database.query(`
    select current_user::text as who, session_user::text as session,
      current_setting('transaction_read_only') as read_only, current_setting('timezone') as zone,
      (select string_agg(name || score, ',' order by name) from scores) as scores,
      (select last_value || ' ' || is_called from numbers) as numbers,
      (select count(*) from pg_class) as relations, (select count(*) from pg_largeobject_metadata) as objects,
      (select count(*) from pg_prepared_statements) as statements, (select count(*) from pg_cursors) as cursors,
      (select count(*) from pg_locks where locktype = 'advisory') as locks,
      (select count(*) from pg_listening_channels()) as channels`);
  return rows[0];
}

/** Waits until a socket is closed. The server may reset the connection, which is an error of the socket as well. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.on('error', () => undefined).once('close', () => resolve()));
}

/** Connects a client that sends bytes without a driver, so it can send any bytes. */
async function connectRaw(): Promise<{ socket: Socket; messages: AsyncGenerator<Uint8Array> }> {
  const socket = connectSocket(sqlPort.port, HOST);
  socket.on('error', () => {});
  clients.push({ end: () => socket.destroy() });
  await once(socket, 'connect');
  const fields = [cString('user'), cString('postgres'), cString('')];
  const length = 8 + Buffer.concat(fields).length;
  socket.write(Buffer.concat([int32(length), int32(0x00030000), ...fields]));
  const messages = readFrames(socket, () => true);
  await untilReady(messages);
  return { socket, messages };
}

/** Returns the types of the messages up to ReadyForQuery, with the tag of a command or the SQLSTATE of an error. */
async function untilReady(messages: AsyncGenerator<Uint8Array>): Promise<string[]> {
  const types: string[] = [];
  for (;;) {
    const { value } = await messages.next();
    if (value === undefined) return [...types, 'end'];
    if (typeOf(value) === 'Z') return types;
    types.push(describeMessage(value));
  }
}

function describeMessage(message: Uint8Array): string {
  if (typeOf(message) === 'E') return String(readErrorFields(message).get('C'));
  return typeOf(message) === 'C' ? readText(message, 5) : typeOf(message);
}

const framesOf = (sql: string) => [
  frame('P', cString(''), cString(sql), int16(0)),
  frame('B', cString(''), cString(''), int16(0), int16(0), int16(0)),
  frame('E', cString(''), int32(0)),
];

describe('a driver', () => {
  it('reads rows, with and without parameters', async () => {
    const client = await connect();
    expect((await client.query('select * from scores order by name')).rows).toEqual([
      { name: 'ann', score: 3 },
      { name: 'bob', score: 5 },
    ]);
    expect((await client.query('select name from scores where score > $1;', [4])).rows).toEqual([
      { name: 'bob' },
    ]);
    expect((await client.query('')).rows).toEqual([]);
    expect((await client.query('show transaction_read_only')).rows).toEqual([
      { transaction_read_only: 'on' },
    ]);
  });

  it('prepares a statement once and runs it repeatedly', async () => {
    const client = await connect();
    const byName = { name: 'by-name', text: 'select score from scores where name = $1' };
    expect((await client.query({ ...byName, values: ['ann'] })).rows).toEqual([{ score: 3 }]);
    await database.query("insert into scores values ('cid', 7)");
    expect((await client.query({ ...byName, values: ['cid'] })).rows).toEqual([{ score: 7 }]);
    await database.query("delete from scores where name = 'cid'");
    expect((await client.query({ ...byName, values: ['cid'] })).rows).toEqual([]);
  });

  it('can use names of prepared statements that other connections use as well', async () => {
    const [one, other] = [await connect(), await connect()];
    const query = (client: Client, text: string) => client.query({ name: 'same', text, values: [] });
    expect((await query(one, 'select 1 as a')).rows).toEqual([{ a: 1 }]);
    expect((await query(other, 'select 2 as a')).rows).toEqual([{ a: 2 }]);
    expect((await query(one, 'select 1 as a')).rows).toEqual([{ a: 1 }]);
  });

  it('continues after an error, even inside a transaction block', async () => {
    const client = await connect();
    await client.query('BEGIN');
    expect(await codeOf(client, 'selec 1')).toBe('42601');
    expect(await codeOf(client, 'select * from secrets')).toBe('42501');
    await expect(client.query('select $1::int', ['x'])).rejects.toMatchObject({ code: '22P02' });
    expect((await client.query('ROLLBACK')).command).toBe('ROLLBACK');
    expect((await client.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
  });

  it('gets an error if it sends several statements together', async () => {
    const client = await connect();
    for (const sql of ['select 1; select 2', 'begin; delete from scores; commit']) {
      await expect(client.query(sql)).rejects.toMatchObject({
        code: '42601',
        message: expect.stringContaining('only one statement at a time'),
        hint: expect.stringContaining('one by one'),
      });
    }
  });

  it('receives a large result even if it reads slowly', async () => {
    const { socket, messages } = await connectRaw();
    socket.write(frame('Q', cString("select repeat('x', 1000) from generate_series(1, 20000)")));
    await sleep(300);
    const client = await connect();
    expect((await client.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
    expect((await untilReady(messages)).filter((type) => type === 'D')).toHaveLength(20_000);
  });

  it('receives the settings of the server', async () => {
    const socket = connectSocket(sqlPort.port, HOST);
    clients.push({ end: () => socket.destroy() });
    const fields = [
      cString('user'),
      cString('me'),
      cString('client_encoding'),
      cString('LATIN1'),
      cString(''),
    ];
    // Newer clients may request this version of the protocol.
    socket.write(Buffer.concat([int32(8 + Buffer.concat(fields).length), int32(0x00030002), ...fields]));
    const greeting: Uint8Array[] = [];
    for await (const message of readFrames(socket, () => true)) {
      greeting.push(message);
      if (typeOf(message) === 'Z') break;
    }
    const { rows } = await database.query<{ server_version: string }>('show server_version');
    const settings = greeting
      .filter((message) => typeOf(message) === 'S')
      .map((message) => Buffer.from(message.subarray(5)).toString().split('\0').slice(0, 2));
    expect(Object.fromEntries(settings)).toMatchObject({
      server_version: rows[0]?.server_version,
      client_encoding: 'UTF8',
      DateStyle: expect.stringMatching(/^ISO/),
      integer_datetimes: 'on',
      standard_conforming_strings: 'on',
      TimeZone: expect.any(String),
    });
    expect(greeting.map(typeOf).join('')).toMatch(/^vRS+KZ$/);
  });
});

describe('a client', () => {
  it.each<[string, string | undefined]>([
    ['create table taken (a int)', '25006'],
    ['create temp table taken (a int)', '25006'],
    ['select 1 as a into taken', '25006'],
    ["insert into scores values ('eve', 9)", '25006'],
    ['update scores set score = 9', '25006'],
    ['delete from scores', '25006'],
    ['with gone as (delete from scores returning 1) select * from gone', '25006'],
    ['explain analyze delete from scores', '25006'],
    ['truncate scores', '25006'],
    ['select * from scores for update', '25006'],
    ['copy scores from stdin', '25006'],
    ["copy scores to '/tmp/x'", '42501'],
    ["copy (select 1) to program 'true'", '42501'],
    ["select pg_read_file('/etc/passwd')", '42501'],
    ['do $$ begin delete from scores; end $$', '42501'],
    ["select set_config('role', 'postgres', true)", '42501'],
    ["select query_to_xml('set role postgres', true, true, '')", '0A000'],
    ['select lo_create(0)', '25006'],
    ["select lo_from_bytea(0, 'x')", '25006'],
    ["select nextval('numbers')", '25006'],
    ["select setval('numbers', 9)", '25006'],
    ["alter system set work_mem = '1MB'", '25001'],
    // These statements are accepted and have no effect.
    ['set transaction read write', undefined],
    ['set role postgres', undefined],
    ['reset role', undefined],
    ["set timezone = 'Asia/Tokyo'", undefined],
    ['listen news', undefined],
    // The port does not recognize these statements after a semicolon. So the server runs each of them.
    [';set transaction read write', '25001'],
    [';set role postgres', undefined],
    [';reset role', undefined],
    [";set timezone = 'Asia/Tokyo'", undefined],
    [';listen news', undefined],
    [';commit', undefined],
    [';rollback and chain', undefined],
    ['select pg_advisory_lock(1)', undefined],
    ['prepare mine as select 1', undefined],
    ['declare mine cursor with hold for select 1', undefined],
    ['lock table scores in access exclusive mode', undefined],
  ])('changes nothing with %s', async (sql, code) => {
    const before = await readState();
    const client = await connect();
    expect(await codeOf(client, sql)).toBe(code);
    expect(await codeOf(client, `${sql} `)).toBe(code);
    expect(await readState()).toEqual(before);
    expect((await client.query('select current_user as who')).rows).toEqual([{ who: 'query_reader' }]);
    expect(await codeOf(client, 'delete from scores')).toBe('25006');
  });

  it.each([
    ['commit', ['1', '2', 'COMMIT', '1', '2', '25006']],
    [';commit', ['1', '2', 'COMMIT', '1', '2', '25006']],
    [';set role postgres', ['1', '2', 'SET', '1', '2', '25006']],
    ['set transaction read write', ['1', '2', 'SET', '1', '2', '25006']],
  ])('changes nothing if one group of messages contains %s and a write', async (sql, expected) => {
    const before = await readState();
    const { socket, messages } = await connectRaw();
    socket.write(
      Buffer.concat([...framesOf(sql), ...framesOf("insert into scores values ('eve', 9)"), SYNC]),
    );
    expect(await untilReady(messages)).toEqual(expected);
    expect(await readState()).toEqual(before);
  });

  it('reads while the service writes', async () => {
    const client = await connect();
    const reads = (async () => {
      for (let at = 0; at < 20; at += 1) {
        expect(await codeOf(client, 'delete from scores')).toBe('25006');
        expect((await client.query('select * from best')).rows).toContainEqual({ name: 'bob' });
      }
    })();
    for (let score = 0; score < 20; score += 1) {
      await database.query(
        "insert into scores values ('dan', $1) on conflict (name) do update set score = $1",
        [score],
      );
    }
    await reads;
    expect((await client.query("select score from scores where name = 'dan'")).rows).toEqual([{ score: 19 }]);
    expect((await database.query("delete from scores where name = 'dan'")).rowsChanged).toBe(1);
  });

  it('that runs an endless statement has the statement cancelled, and all other callers continue', async () => {
    const client = await connect();
    const endless = client.query('select count(*) from generate_series(1, 1e12)');
    const writes = [sleep(100).then(() => database.query("insert into scores values ('fay', 1)"))];
    await expect(endless).rejects.toMatchObject({
      code: '57014',
      message: 'statement timed out after 5000 ms',
      hint: expect.stringContaining('LIMIT'),
    });
    await Promise.all(writes);
    expect((await client.query('select count(*)::int from scores')).rows).toEqual([{ count: 3 }]);
    await database.query("delete from scores where name = 'fay'");
  });

  it('gets an error for a result above the size limit', async () => {
    const client = await connect();
    await expect(client.query("select repeat('x', 30000000)")).rejects.toMatchObject({ code: '54000' });
    expect((await client.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
  });

  it('gets an error for a statement that is nested too deeply, and can continue', async () => {
    const client = await connect();
    await expect(client.query(`select 1${'+1'.repeat(100_000)}`)).rejects.toMatchObject({ code: '54001' });
    expect((await client.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
  });

  it.each(["select pg_logical_emit_message(false, 'a', 'b')", 'select setseed(0.5)'])(
    'cannot run a function with an effect that no rollback can undo: %s',
    async (sql) => {
      const client = await connect();
      await expect(client.query(sql)).rejects.toMatchObject({ code: '42501' });
    },
  );
});

describe('a misbehaving client', () => {
  const start = Buffer.concat([int32(13), int32(0x00030000), Buffer.from('user\0')]);
  it.each<[string, Buffer]>([
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['zeros', Buffer.alloc(100)],
    ['an incomplete startup message', Buffer.concat([int32(16), int32(0x00030000), Buffer.from('usersome')])],
    ['a startup message without a user', Buffer.concat([int32(9), int32(0x00030000), Buffer.alloc(1)])],
    ['a startup message without a value', start],
    ['an old protocol version', Buffer.concat([int32(9), int32(0x00020000), Buffer.alloc(1)])],
    ['a cancel request', Buffer.concat([int32(16), int32(80877102), int32(1), int32(2)])],
    ['random bytes', Buffer.concat([int32(600), randomBytes(4_096)])],
  ])('is disconnected when it starts with %s', async (_, bytes) => {
    const other = await connect();
    const socket = connectSocket(sqlPort.port, HOST);
    socket.on('error', () => {});
    socket.write(bytes);
    socket.resume();
    await closed(socket);
    expect((await other.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
  });

  it.each<[string, Uint8Array, string[]]>([
    ['an unknown message', frame('?', cString('x')), ['08P01', 'end']],
    ['a length of 4 GB', Buffer.from([81, 0xff, 0xff, 0xff, 0xff]), ['08P01', 'end']],
    ['a length of zero', Buffer.from([81, 0, 0, 0, 0]), ['08P01', 'end']],
    ['an unterminated string', frame('Q', Buffer.from('select 1')), ['08P01', 'end']],
    ['a Terminate message', frame('X'), ['end']],
  ])('is disconnected when it sends %s', async (_, bytes, expected) => {
    const other = await connect();
    const { socket, messages } = await connectRaw();
    socket.write(bytes);
    expect(await untilReady(messages)).toEqual(expected);
    expect((await other.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
  });

  it('gets an error for an invalid message, and can continue', async () => {
    const { socket, messages } = await connectRaw();
    const bind = frame('B', cString(''), cString(''), int16(9_999));
    socket.write(Buffer.concat([frame('P', cString(''), cString('select 1'), int16(0)), bind, SYNC]));
    expect(await untilReady(messages)).toEqual(['1', '08P01']);
    socket.write(frame('Q', cString('select 1')));
    expect(await untilReady(messages)).toEqual(['T', 'D', 'SELECT 1']);
  });

  it('may disconnect at any time without an effect on other clients', async () => {
    const other = await connect();
    for (const bytes of [
      Buffer.from([81, 0]),
      frame('Q', cString('select pg_sleep(0.2)')),
      Buffer.concat(framesOf('select 1')),
    ]) {
      const { socket } = await connectRaw();
      socket.write(bytes);
      await sleep(20);
      socket.resetAndDestroy();
    }
    expect((await other.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
  });

  it('gets its response even after it has closed its own side of the connection', async () => {
    const { socket, messages } = await connectRaw();
    socket.end(frame('Q', cString('select 1 from pg_sleep(0.1)')));
    expect(await untilReady(messages)).toEqual(['T', 'D', 'SELECT 1']);
    expect(await untilReady(messages)).toEqual(['end']);
  });

  it('may request encryption first; the port declines each such request and keeps the connection', async () => {
    const socket = connectSocket(sqlPort.port, HOST);
    clients.push({ end: () => socket.destroy() });
    for (const code of [80877104, 80877103]) {
      socket.write(Buffer.concat([int32(8), int32(code)]));
      expect((await once(socket, 'data')).map(String)).toEqual(['N']);
    }
  });

  it('gets its responses in order even if its messages arrive byte by byte', async () => {
    const { socket, messages } = await connectRaw();
    const queries = Buffer.concat([1, 2, 3].map((n) => frame('Q', cString(`copy (select ${n}) to stdout`))));
    for (const byte of queries) {
      socket.write(Uint8Array.of(byte));
      await sleep(1);
    }
    for (let n = 0; n < 3; n += 1) expect(await untilReady(messages)).toEqual(['H', 'd', 'c', 'COPY 1']);
  });
});

describe('many clients', () => {
  it('delay a request of the service by the duration of at most one statement', async () => {
    let finished = 0;
    const sleeps = Array.from({ length: 8 }, async () => {
      await (await connect()).query('select pg_sleep(0.2)');
      finished += 1;
    });
    await sleep(50);
    const finishedBefore = finished;
    await database.query("insert into scores values ('gus', 1)");
    expect(finished - finishedBefore).toBeLessThanOrEqual(1);
    await Promise.all(sleeps);
    expect((await database.query("delete from scores where name = 'gus'")).rowsChanged).toBe(1);
  });

  it('get an error while 16 statements are waiting', async () => {
    const running = await connect();
    const waiting = await Promise.all(Array.from({ length: 16 }, () => connect()));
    const late = await connect();
    const sleeping = running.query('select pg_sleep(2)');
    await sleep(200);
    const answers = waiting.map((client) => client.query('select 1 as a'));
    await sleep(200);
    expect(await codeOf(late, 'select 1')).toBe('53400');
    await sleeping;
    for (const { rows } of await Promise.all(answers)) expect(rows).toEqual([{ a: 1 }]);
    expect(await codeOf(late, 'select 1')).toBeUndefined();
  });
});

describe('a silent client', () => {
  const SILENCE_MS = 600;
  const startup = Buffer.concat([int32(17), int32(0x00030000), Buffer.from('user\0pg\0\0')]);
  let impatient: SqlPort;
  beforeAll(async () => {
    impatient = await startSqlPort({ host: HOST, port: 0, database, silenceMs: SILENCE_MS });
  });
  afterAll(() => impatient.close());

  it.each<[string, Uint8Array[]]>([
    ['before it sends anything', []],
    ['in the middle of the startup packet', [startup.subarray(0, 9)]],
    ['after it asked for encryption', [Buffer.concat([int32(8), int32(80877103)])]],
    ['in the middle of a message', [startup, frame('Q', cString('select 1')).subarray(0, 9)]],
    ['after one byte of a message', [startup, frame('Q', cString('select 1')).subarray(0, 1)]],
    ['in the middle of a second message', [startup, frame('Q', cString('select 1')), Buffer.from('Q')]],
  ])('is disconnected %s', async (_, parts) => {
    const socket = connectSocket(impatient.port, HOST);
    socket.on('error', () => {});
    socket.resume();
    for (const part of parts) {
      socket.write(part);
      await sleep(20);
    }
    await closed(socket);
  });

  it('is disconnected at the end of the startup time limit, even if it sends its startup message byte by byte', async () => {
    const socket = connectSocket(impatient.port, HOST);
    socket.on('error', () => {});
    socket.resume();
    const dripping = setInterval(() => socket.write(Uint8Array.of(0)), SILENCE_MS / 10);
    socket.write(int32(9_999));
    await closed(socket);
    clearInterval(dripping);
  });

  it('stays connected between statements and while a statement runs', async () => {
    const client = await connect(impatient.port);
    await client.query(`select pg_sleep(${(3 * SILENCE_MS) / 1_000})`);
    await sleep(3 * SILENCE_MS);
    expect((await client.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
  });

  it('stays connected while the parts of a message keep arriving', async () => {
    const socket = connectSocket(impatient.port, HOST);
    clients.push({ end: () => socket.destroy() });
    socket.write(startup);
    const answers = readFrames(socket, () => true);
    await untilReady(answers);
    const message = frame('Q', cString('select 1'));
    for (const byte of message) {
      socket.write(Uint8Array.of(byte));
      await sleep(SILENCE_MS / 4);
    }
    expect(await untilReady(answers)).toEqual(['T', 'D', 'SELECT 1']);
  });
});

describe.skipIf(!hasPsql)('psql', () => {
  async function psql(...args: string[]): Promise<string> {
    const common = ['-X', '-q', '-A', '-h', HOST, '-p', String(sqlPort.port), '-U', 'postgres', 'postgres'];
    const { stdout, stderr } = await promisify(execFile)('psql', [...common, ...args]);
    return stdout + stderr;
  }

  it('reads rows', async () => {
    expect(await psql('-c', 'select * from scores order by name')).toContain('name|score\nann|3\nbob|5\n');
    expect(await psql('-c', 'copy (select * from scores order by name) to stdout')).toBe('ann\t3\nbob\t5\n');
  });

  it('describes tables and views', async () => {
    expect(await psql('-c', '\\d')).toContain('public|scores|table|postgres');
    expect(await psql('-c', '\\d scores')).toContain('"scores_pkey" PRIMARY KEY, btree (name)');
    expect(await psql('-c', '\\dv')).toContain('public|best|view|postgres');
    const script = join(directory, 'describe.sql');
    await writeFile(script, 'select name from best \\gdesc\n');
    expect(await psql('-f', script)).toContain('name|text');
  });

  it('continues after errors, and does not wait after a rejected COPY', async () => {
    const script = [
      'begin',
      'selec',
      'copy scores from stdin',
      'rollback',
      'create table taken (a int)',
      'select 1 as one',
    ];
    const output = await psql(...script.flatMap((sql) => ['-c', sql]));
    expect(output).toContain('one\n1\n');
    expect(output).toContain('syntax error at or near "selec"');
    expect(output).toContain('cannot execute COPY FROM in a read-only transaction');
    expect(output).toContain('cannot execute CREATE TABLE in a read-only transaction');
  }, 10_000);
});

describe('the SQL port', () => {
  it('rejects with EADDRINUSE if the port is taken', async () => {
    await expect(startSqlPort({ host: HOST, port: sqlPort.port, database })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });

  it('disconnects its clients when it closes', async () => {
    const other = await startSqlPort({ host: HOST, port: 0, database });
    const client = await connect(other.port);
    const ended = new Promise<Error>((resolve) => client.on('error', resolve));
    await other.close();
    expect((await ended).message).toContain('terminat');
    await expect(connect(other.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
