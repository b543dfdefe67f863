import type { SqlResult } from '../../../common/sql-result.ts';
import { positionInStatement, SqlError } from '../../read-sql.ts';
import { typeName } from '../pg/type-name.ts';

// Messages of PostgreSQL's protocol: a type byte, a length that includes itself, and the fields.
// Source: PostgreSQL manual, "Message Formats".

/** Returns the messages that run statements one after the other, until one fails. Results are in text format. */
export function frameStatements(statements: readonly string[]): Uint8Array {
  const messages = statements.flatMap((sql) => [
    message('P', Buffer.from(`\0${sql}\0`), Buffer.alloc(2)),
    message('B', Buffer.alloc(2), Buffer.alloc(6)),
    message('D', Buffer.from('P\0')),
    message('E', Buffer.alloc(1), Buffer.alloc(4)),
  ]);
  return Buffer.concat([...messages, message('S')]);
}

function message(type: string, ...fields: Buffer[]): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(fields.reduce((sum, field) => sum + field.length, 4));
  return Buffer.concat([Buffer.from(type), length, ...fields]);
}

/**
 * Converts the server's messages for the statements of a cursor.
 * @throws {SqlError} the messages contain an error
 */
export function toSqlResult(bytes: Uint8Array, maxRows: number): SqlResult {
  const messages = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let columns: SqlResult['columns'] = [];
  const rows: (string | null)[][] = [];
  for (let at = 0; at < messages.length; at += 1 + messages.readUInt32BE(at + 1)) {
    const type = String.fromCharCode(messages.readUInt8(at));
    const body = messages.subarray(at + 5, at + 1 + messages.readUInt32BE(at + 1));
    if (type === 'E') throw toSqlError(body);
    if (type === 'T') columns = toColumns(body);
    if (type === 'D') rows.push(toRow(body));
  }
  return { columns, rows: rows.slice(0, maxRows), isTruncated: rows.length > maxRows };
}

/** Reads a RowDescription. Each column has a name and then 18 bytes. The oid of the type starts at the seventh byte. */
function toColumns(body: Buffer): SqlResult['columns'] {
  let at = 2;
  return Array.from({ length: body.readUInt16BE(0) }, () => {
    const end = body.indexOf(0, at);
    const name = body.toString('utf8', at, end);
    const type = typeName(body.readUInt32BE(end + 7));
    at = end + 19;
    return { name, type };
  });
}

/** Reads a DataRow. Each column has a length, or -1 for null, and then the value. */
function toRow(body: Buffer): (string | null)[] {
  let at = 2;
  return Array.from({ length: body.readUInt16BE(0) }, () => {
    const length = body.readInt32BE(at);
    const value = length < 0 ? null : body.toString('utf8', at + 4, at + 4 + length);
    at += 4 + Math.max(0, length);
    return value;
  });
}

/** Reads an ErrorResponse. Each field is a letter and a text: C is the SQLSTATE, M the message, P the position. */
function toSqlError(body: Buffer): SqlError {
  const fields = new Map(
    body
      .toString()
      .split('\0')
      .map((field) => [field.slice(0, 1), field.slice(1)]),
  );
  const position = positionInStatement(fields.get('P'));
  return new SqlError(fields.get('M') ?? 'the statement failed', fields.get('C') ?? '', position);
}
