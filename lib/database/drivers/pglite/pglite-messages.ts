import type { SqlValue } from '../../database.ts';

/** What the main thread asks of this one; answered in order, one at a time. */
export type WorkerRequest =
  | { id: number; kind: 'query'; sql: string; values: readonly SqlValue[] }
  | { id: number; kind: 'readOnly'; messages: Uint8Array; maxBytes: number }
  | { id: number; kind: 'close' };

export type WorkerReply =
  | { id: number; ok: true; result: unknown }
  | { id: number; ok: false; message: string; code: string | undefined };

/** Sent once, with id 0, when the database is open or could not be opened. */
export const OPENED = 0;
