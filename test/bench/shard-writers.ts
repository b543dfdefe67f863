import type { Database } from '../../lib/database/database.ts';
import type { Execute } from './record-by-record.ts';

/** The ways in which the contenders write the batches of one shard. */
export interface ShardWriters {
  /** Used by the stream handler. */
  database: Database;
  /** Used by the contender `record by record`. */
  transaction(work: (execute: Execute) => Promise<void>): Promise<void>;
  /** Prepares one COPY into bench.records. The returned function runs the COPY; only this function is timed. */
  copy(text: string): () => Promise<void>;
}

/** A database with our tables and bench.records, to which several shards write concurrently. */
export interface BenchDatabase {
  name: string;
  shards: ShardWriters[];
  /** Whether transactions run one after another. Four concurrent transactions then take four times as long as one. */
  hasOneSession: boolean;
  close(): Promise<void>;
}
