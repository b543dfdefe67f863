import { postJson } from './api.ts';
import type { SqlTable } from './model.ts';

/** Runs read-only SQL on the query store. @throws {ApiError} the message is the database's */
export function runSql(sql: string, maxRows?: number): Promise<SqlTable> {
  return postJson('/query/sql', { sql, ...(maxRows !== undefined && { maxRows }) });
}

/** Quotes a text as an SQL literal. */
export function sqlText(text: string): string {
  const escaped = text.replaceAll("'", "''");
  return text.includes('\\') ? `E'${escaped.replaceAll('\\', '\\\\')}'` : `'${escaped}'`;
}
