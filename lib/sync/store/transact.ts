import { randomUUID } from 'node:crypto';
import { isConnectionError, isTimeout } from '../../database/connection-error.ts';
import type { Database, QueryResult, SqlValue, Transaction } from '../../database/database.ts';

/** Maximum attempts of a transaction whose connection breaks while it commits. */
const ATTEMPTS = 3;

const LEAVE_RECEIPT = `
INSERT INTO sync.receipts (receipt_id, created_ms)
VALUES ($1, (extract(epoch FROM now()) * 1000)::bigint)`;

const CLAIM_RECEIPT = `
INSERT INTO sync.receipts (receipt_id, created_ms, is_claim)
VALUES ($1, (extract(epoch FROM now()) * 1000)::bigint, true)
ON CONFLICT (receipt_id) DO NOTHING`;

const READ_CLAIM = 'SELECT is_claim FROM sync.receipts WHERE receipt_id = $1';

/**
 * Runs a transaction. On Aurora DSQL, a broken connection does not make the transaction fail: Aurora DSQL closes each
 * connection after an hour, so the answer to a COMMIT can be lost. The transaction therefore writes a receipt, a row
 * with a random id. After a lost answer, a second transaction inserts the same row. If the insert succeeds, the first
 * transaction was not committed and can never be, because its receipt would conflict. So the first transaction runs
 * again. If the row already exists, the first transaction was committed. The row of the second transaction is marked as
 * a claim, so the answer of the second transaction can be lost as well.
 *
 * A transaction that timed out does not run again, because it would probably time out again. A transaction whose
 * connection broke before COMMIT was sent does not run again here, because the driver has already repeated it.
 *
 * @param work as for `Database.transaction`; returns null if it changed nothing
 */
export async function transact<Result>(
  database: Database,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  if (database.dialect !== 'dsql') return database.transaction(work);
  for (let attempt = 1; ; attempt += 1) {
    const receiptId = randomUUID();
    let isCommitSent = false;
    /** The result of the attempt whose COMMIT was sent last; empty if no COMMIT was sent. */
    const sent: Result[] = [];
    const withReceipt = async (transaction: Transaction): Promise<Result> => {
      sent.length = 0;
      isCommitSent = false;
      const result = await work(transaction);
      if (result !== null) {
        await transaction.query(LEAVE_RECEIPT, [receiptId]);
        sent.push(result);
      }
      isCommitSent = true;
      return result;
    };
    const outcome = await database.transaction(withReceipt).then(
      (result) => ({ result }),
      (error: unknown) => ({ error }),
    );
    if ('result' in outcome) return outcome.result;
    if (!isConnectionError(outcome.error)) throw outcome.error;
    for (const result of sent) if (!(await claim(database, receiptId))) return result;
    if (!isCommitSent || isTimeout(outcome.error) || attempt === ATTEMPTS) throw outcome.error;
  }
}

/**
 * Runs one statement that must not be repeated, because a repetition would have another result. On Aurora DSQL, the
 * driver repeats a statement outside of a transaction if its connection breaks.
 */
export async function changeOnce(
  database: Database,
  sql: string,
  values: readonly SqlValue[],
): Promise<Pick<QueryResult<unknown>, 'rowsChanged'>> {
  if (database.dialect !== 'dsql') return database.query(sql, values);
  const changed = await transact(database, async (transaction) => {
    const { rowsChanged } = await transaction.query(sql, values);
    return rowsChanged === 0 ? null : { rowsChanged };
  });
  return changed ?? { rowsChanged: 0 };
}

/** @returns whether the transaction with this receipt was not committed; then it never will be */
async function claim(database: Database, receiptId: string): Promise<boolean> {
  await database.query(CLAIM_RECEIPT, [receiptId]);
  const { rows } = await database.query<{ is_claim: boolean | null }>(READ_CLAIM, [receiptId]);
  return rows[0]?.is_claim ?? false;
}
