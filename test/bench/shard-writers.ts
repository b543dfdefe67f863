import type { Database } from '../../lib/database/database.ts';
import type { Execute } from './record-by-record.ts';

/** What the contenders write the batches of one shard with: a connection each. */
export interface ShardWriters {
  /** For the stream handler. */
  database: Database;
  /** For record by record. */
  transaction(work: (execute: Execute) => Promise<void>): Promise<void>;
  /** One COPY of rows made ready before into bench.records; timed from the call of what it gives. */
  copy(text: string): () => Promise<void>;
}

/** A database with our tables and bench.records in it, to be written to by several shards at once. */
export interface BenchDatabase {
  name: string;
  shards: ShardWriters[];
  /** Whether its transactions run one after the other, so that four of them take four times as long as one. */
  hasOneSession: boolean;
  close(): Promise<void>;
}
