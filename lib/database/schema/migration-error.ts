import { DatabaseError } from '../database.ts';

/** A statement of a migration was refused. What was done before it stays, and is gone over when it is run again. */
export class MigrationError extends DatabaseError {
  override name = 'MigrationError';

  constructor(migration: string, cause: DatabaseError) {
    super(`the migration ${migration} failed: ${cause.message}`, cause.code, { cause });
  }
}
