import type { SqlValue } from '../../database.ts';

/** A request of the main thread to the worker thread, which answers requests serially and in order. */
export type WorkerRequest =
  | { id: number; kind: 'query'; sql: string; values: readonly SqlValue[] }
  | { id: number; kind: 'readOnly'; messages: Uint8Array; maxBytes: number; maxStatements: number }
  | { id: number; kind: 'close' };

export type WorkerReply =
  | { id: number; ok: true; result: unknown }
  | { id: number; ok: false; message: string; code: string | undefined };

/** Id of the first reply, sent once when the database has opened or failed to open. */
export const OPENED = 0;
