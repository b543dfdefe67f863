import { DatabaseError, type Transaction } from '../../database.ts';

/**
 * A database session that runs statements one by one. No other transaction uses the session until the current
 * transaction ends.
 */
export interface ClientSession extends Transaction {
  /** The statement that begins a transaction. Default: BEGIN. */
  begin?: string;
  /** Ends a session whose transaction state is unknown. */
  abandon(): void;
}

/**
 * Runs `work` between BEGIN and COMMIT. If a statement failed, rolls back and throws, even if `work` ignored the
 * failure. PostgreSQL would answer a COMMIT with a silent ROLLBACK in that case.
 */
export async function runTransaction<Result>(
  session: ClientSession,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  const failures: unknown[] = [];
  let ended = false;
  const transaction: Transaction = {
    async query(sql, values) {
      if (ended) throw new DatabaseError('the transaction has ended', '25P01');
      try {
        return await session.query(sql, values);
      } catch (error) {
        failures.push(error);
        throw error;
      }
    },
  };
  await session.query(session.begin ?? 'BEGIN');
  try {
    const result = await work(transaction);
    ended = true;
    if (failures.length > 0) throw failures[0];
    await session.query('COMMIT');
    return result;
  } catch (error) {
    ended = true;
    await session.query('ROLLBACK').catch(() => session.abandon());
    throw error;
  }
}
