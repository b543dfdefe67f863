import type { ServiceItem } from '../service-file.ts';

/** A line of an export that is valid: `check` has accepted its columns and ids. */
export interface CheckedItem {
  item: ServiceItem;
  /** Identifies the rows that the item writes. No two items of a batch may have a key in common. */
  keys: readonly string[];
  /** Number of rows that the item changes at most. */
  rows: number;
  /** The pool that the item belongs to; null if it belongs to no pool, or is a record. */
  identityPoolId: string | null;
  /** Whether the item is the row of a pool. */
  isPool: boolean;
  /** The hash of the identity whose data the item contains; null if it contains no such data, or is a record. */
  identityHash: string | null;
  /** The hash of the identity that the item marks as deleted; null if the item marks none. */
  deletedHash: string | null;
}

/** A file that is imported. */
export interface ImportFile {
  exportId: string;
  /** The start of the export, epoch milliseconds. */
  startedAt: number;
  /** The hash of the complete file, in hexadecimal. */
  sha256: string;
  identityPoolIds: readonly string[];
}

/** How the pools will get into the query store. */
export interface ImportedPools {
  /** Pools whose datasets are published to their streams by a bulk publish. */
  publishing: string[];
  /** Pools whose streaming is not enabled. */
  silent: string[];
}

/** The service into which an export is imported. */
export interface ImportTarget {
  /** @returns null if the line is invalid, or was written by a newer version */
  check(line: Readonly<Record<string, unknown>>): CheckedItem | null;
  /**
   * Starts an import, or continues an interrupted one. Removes those pools of the file that exist here without data.
   * The import writes the rows of pools last, so that no caller sees an incomplete pool.
   *
   * @returns the position in the file at which the import continues
   * @throws {SetupError} a pool of the file exists and holds data, or another import is in progress
   */
  begin(file: ImportFile, now: number): Promise<number>;
  /**
   * Writes items and the position, in one transaction. If a pool was being migrated, the file can lack what the
   * migration changed during the export. Such a pool gets a gap since the start of the export, a period whose changes
   * may be missing. The next `move copy` of the pool starts from the beginning.
   * @throws {SetupError} the stored position is no longer `from`, because another process imports the same file
   */
  write(
    file: ImportFile,
    items: readonly ServiceItem[],
    position: { from: number; to: number },
    now: number,
  ): Promise<void>;
  /** Ends the import. May be repeated after a crash. */
  finish(file: ImportFile, now: number): Promise<ImportedPools>;
  /**
   * Ends an interrupted import without its file. Marks the import's pools as deleted, so that the job for deleted pools
   * removes what was imported.
   *
   * @returns the ids of the pools
   * @throws {SetupError} no import was interrupted, or it is a restore, or an older version started the import and did
   *   not store its pools
   */
  discard(now: number): Promise<string[]>;
}
