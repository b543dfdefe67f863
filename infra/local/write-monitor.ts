import { type Database, DatabaseError, type Transaction } from '../../lib/database/database.ts';
import { fullDiskText, isFullDisk } from '../../lib/database/full-disk.ts';

export interface WriteStatus {
  /**
   * Why writes to the database fail; null if they succeed, as far as is known. Contains the code of the error, but not
   * its message, which may quote data.
   */
  lastError: string | null;
}

export interface WriteMonitor {
  /** Observes the statements of a database. */
  watch(database: Database): Database;
  status(): WriteStatus;
}

/**
 * Codes of failures that retries do not overcome. Such a failure lasts until its cause is removed, for example by the
 * operator. The codes are those of PostgreSQL and of the operating system. Source: PostgreSQL manual, "PostgreSQL Error
 * Codes".
 */
const LASTING = {
  /** No usable connection: class 08, rejected login, missing database, server shut down, and codes of the system. */
  connection: /^(08...|28...|3D000|57P0[123]|E[A-Z]+)$/,
  /** Read-only server, missing privilege, full disk or memory, system error, and damaged data. Reads may still work. */
  write: /^(25006|42501|53[12]00|58...|F0...|XX...)$/,
};
/**
 * A failure is reported for this long after it was last observed. After that, it is unknown whether its cause still
 * exists.
 */
const UNKNOWN_AFTER_MS = 60_000;

/**
 * Creates a monitor of the database's writes. A successful write ends any failure. A successful read ends only a
 * failure of the connection.
 *
 * @param directory directory of the embedded database, for the message about a full disk
 * @param now milliseconds of a clock that never goes back
 */
export function createWriteMonitor({
  directory,
  now,
}: {
  directory: string;
  now: () => number;
}): WriteMonitor {
  let failure: { text: string; at: number; isOfConnection: boolean } | null = null;

  function failed(error: unknown): void {
    if (!(error instanceof DatabaseError)) return;
    const { code = '' } = error;
    const isOfConnection = LASTING.connection.test(code);
    if (!isOfConnection && !LASTING.write.test(code)) return;
    const text = isFullDisk(error) ? fullDiskText(directory) : `the database returns the error ${code}`;
    failure = { text, at: now(), isOfConnection };
  }

  async function observe<Result>(
    work: Promise<Result>,
    isWrite: (result: Result) => boolean,
  ): Promise<Result> {
    try {
      const result = await work;
      if (isWrite(result) || failure?.isOfConnection) failure = null;
      return result;
    } catch (error) {
      failed(error);
      throw error;
    }
  }

  return {
    watch: (database) => ({
      ...database,
      query: (sql, values) => observe(database.query(sql, values), ({ rowsChanged }) => rowsChanged > 0),
      transaction(work) {
        let wrote = false;
        const watched = ({ query }: Transaction) =>
          work({
            async query(sql, values) {
              const result = await query<never>(sql, values);
              wrote ||= result.rowsChanged > 0;
              return result;
            },
          });
        return observe(database.transaction(watched), () => wrote);
      },
    }),
    status() {
      if (failure !== null && now() > failure.at + UNKNOWN_AFTER_MS) failure = null;
      return { lastError: failure?.text ?? null };
    },
  };
}
