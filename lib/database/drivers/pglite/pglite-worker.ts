import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import './text-decoder-keeps-bom.ts';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { OPENED, type WorkerReply, type WorkerRequest } from './pglite-messages.ts';
import { createPreparedQueries, type PreparedQueries } from './prepared-queries.ts';

const { dataDir, readerRole } = workerData as { dataDir: string; readerRole: string };
const port = parentPort as MessagePort;

// The parser of pg is used, because PGlite's own parser reads the years 1 to 99 as abbreviations of recent years.
const { TIMESTAMPTZ } = pg.types.builtins;
const parseTimestamp = pg.types.getTypeParser(TIMESTAMPTZ);

/**
 * The time to open a database depends on the size of this buffer: 1.05 s with 32 MB, 1.6 s with PostgreSQL's default of
 * 128 MB. Statements are equally fast with both, because the operating system caches the files, too.
 */
const SHARED_BUFFERS = '32MB';

async function answer(
  database: PGlite,
  statements: PreparedQueries,
  request: WorkerRequest,
): Promise<unknown> {
  if (request.kind === 'query') {
    const { sql, values } = request;
    const isPrepared = values.length > 0;
    const { rows, affectedRows = 0 } = isPrepared
      ? await statements.query(sql, values)
      : await database.query(sql);
    return { rows, rowsChanged: affectedRows };
  }
  if (request.kind === 'close') return database.close();
  return readOnly(database, statements, request);
}

/**
 * Runs one statement of a reader as the reader role, in a read-only transaction. The statement is given as messages of
 * the extended protocol. The transaction is always rolled back, so no settings, role, locks or prepared statements
 * remain for later statements. Of a reader's own statements, only one is allowed: if the first of two statements were a
 * COMMIT, the second statement would run outside the transaction. `SELECT 1` takes the snapshot. After that, the
 * transaction can no longer become read-write.
 */
async function readOnly(
  database: PGlite,
  statements: PreparedQueries,
  { messages, maxBytes, maxStatements }: Extract<WorkerRequest, { kind: 'readOnly' }>,
): Promise<Uint8Array> {
  if (!runsAtMost(maxStatements, messages))
    throw new Error('the request contains more than one statement; send one statement at a time');
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    await database.exec(`BEGIN READ ONLY; SELECT 1; SET LOCAL ROLE ${readerRole}`);
    await database.execProtocolRawStream(messages, {
      onRawData: (chunk) => {
        bytes += chunk.length;
        if (bytes <= maxBytes) chunks.push(chunk.slice());
      },
    });
  } finally {
    await database.exec('ROLLBACK');
    await database.exec('DEALLOCATE ALL; SELECT pg_advisory_unlock_all()');
    statements.forget();
  }
  if (bytes > maxBytes) {
    throw Object.assign(new Error(`the result is larger than ${maxBytes} bytes; add a LIMIT`), {
      code: '54000',
    });
  }
  return Buffer.concat(chunks);
}

/**
 * Restricts readers, because the session belongs to a superuser. A reader's statement must not gain the rights of the
 * superuser, neither through the function behind SET nor through PL/pgSQL code. It must not leave effects that ROLLBACK
 * does not undo: messages in the write-ahead log fill the disk, and a seed changes later random numbers.
 */
const RESTRICT_READERS = `
  REVOKE EXECUTE ON FUNCTION
    pg_catalog.set_config(text, text, boolean),
    pg_catalog.pg_logical_emit_message(boolean, text, text, boolean),
    pg_catalog.pg_logical_emit_message(boolean, text, bytea, boolean),
    pg_catalog.setseed(double precision)
  FROM PUBLIC;
  REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC`;

/**
 * Returns whether the messages run at most this number of statements. A message starts with a type byte and a length, which
 * includes its own four bytes. Only three types run statements: Execute (E), simple Query (Q) and FunctionCall (F).
 */
function runsAtMost(maxStatements: number, messages: Uint8Array): boolean {
  const view = new DataView(messages.buffer, messages.byteOffset, messages.byteLength);
  let executes = 0;
  for (let at = 0; at < messages.length; at += 1 + view.getUint32(at + 1)) {
    const type = String.fromCharCode(view.getUint8(at));
    if (type === 'Q' || type === 'F') return false;
    if (type === 'E') executes += 1;
  }
  return executes <= maxStatements;
}

function reply(message: WorkerReply): void {
  port.postMessage(message);
}

function replyError(id: number, error: unknown): void {
  const { message, code, errno } = error as { message?: string; code?: unknown; errno?: unknown };
  // An error of Emscripten's file system has no code, only a number.
  const systemCode = typeof errno === 'number' ? (SYSTEM_CODES.get(errno) ?? `errno ${errno}`) : undefined;
  reply({
    id,
    ok: false,
    message: String(message || systemCode || error),
    code: typeof code === 'string' ? code : systemCode,
  });
}

/** Codes, by WASI error number, of errors that the operator must fix. Source: wasi-libc, `wasi/api.h`. */
const SYSTEM_CODES = new Map([
  [2, 'EACCES'],
  [19, 'EDQUOT'],
  [29, 'EIO'],
  [51, 'ENOSPC'],
  [69, 'EROFS'],
]);

try {
  // If a thread was terminated during a sort or a join, its temporary files remain. A PostgreSQL server removes these
  // files when it starts. PGlite does not.
  await rm(join(dataDir, 'base', 'pgsql_tmp'), { recursive: true, force: true });
  const database = await PGlite.create(dataDir, {
    parsers: { [TIMESTAMPTZ]: parseTimestamp },
    startParams: [...PGlite.defaultStartParams, '-c', `shared_buffers=${SHARED_BUFFERS}`],
  });
  await database.exec(RESTRICT_READERS);
  const statements = createPreparedQueries(database, () => performance.now());
  port.on('message', (request: WorkerRequest) => {
    answer(database, statements, request).then(
      (result) => reply({ id: request.id, ok: true, result }),
      (error: unknown) => replyError(request.id, error),
    );
  });
  reply({ id: OPENED, ok: true, result: null });
} catch (error) {
  replyError(OPENED, error);
}
