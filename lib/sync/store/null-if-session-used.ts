import { DatabaseError } from '../../database/database.ts';

/** SQLSTATE of a duplicate key: another update has already used the session. */
const UNIQUE_VIOLATION = '23505';

/** Runs a write of an update. @returns null if nothing was written, also if another update has used the session */
export async function nullIfSessionUsed<Written>(
  write: () => Promise<Written | null>,
): Promise<Written | null> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof DatabaseError && error.code === UNIQUE_VIOLATION) return null;
    throw error;
  }
}
