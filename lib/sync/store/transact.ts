import { randomUUID } from 'node:crypto';
import { type Database, DatabaseError, type Transaction } from '../../database/database.ts';

/** Maximum attempts of a transaction whose connection breaks. */
const ATTEMPTS = 3;

const LEAVE_RECEIPT = `
INSERT INTO sync.receipts (receipt_id, created_ms)
VALUES ($1, (extract(epoch FROM now()) * 1000)::bigint)`;

const CLAIM_RECEIPT = `${LEAVE_RECEIPT}
ON CONFLICT (receipt_id) DO NOTHING`;

/**
 * Runs a transaction. On Aurora DSQL, a broken connection does not make it fail: Aurora DSQL closes each connection after
 * an hour, so the answer to a COMMIT can be lost. The transaction therefore writes a receipt, a row with a random id.
 * After a lost answer, a second transaction inserts the same row. If that succeeds, the first transaction was not
 * committed and can never be, because its receipt would conflict; it runs again. Otherwise it was committed.
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
    /** The result of the attempt whose COMMIT was sent last; empty if no COMMIT was sent. */
    const sent: Result[] = [];
    const withReceipt = async (transaction: Transaction): Promise<Result> => {
      sent.length = 0;
      const result = await work(transaction);
      if (result !== null) {
        await transaction.query(LEAVE_RECEIPT, [receiptId]);
        sent.push(result);
      }
      return result;
    };
    const outcome = await database.transaction(withReceipt).then(
      (result) => ({ result }),
      (error: unknown) => ({ error }),
    );
    if ('result' in outcome) return outcome.result;
    if (!isConnectionError(outcome.error)) throw outcome.error;
    for (const result of sent) if (!(await claim(database, receiptId))) return result;
    if (attempt === ATTEMPTS) throw outcome.error;
  }
}

/** @returns whether the transaction with this receipt was not committed; then it never will be */
async function claim(database: Database, receiptId: string): Promise<boolean> {
  return (await database.query(CLAIM_RECEIPT, [receiptId])).rowsChanged === 1;
}

/**
 * Whether the transaction failed without an answer of the server, or because the server ended the connection: SQLSTATE
 * classes 08 and 57.
 */
function isConnectionError(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return false;
  const code = error.code ?? '';
  return !/^(?=.*\d)[0-9A-Z]{5}$/.test(code) || /^(08|57)/.test(code);
}
