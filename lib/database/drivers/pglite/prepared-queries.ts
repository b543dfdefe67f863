import { randomUUID } from 'node:crypto';
import { type PGlite, parse, protocol } from '@electric-sql/pglite';
import type { SqlValue } from '../../database.ts';

const { serialize } = protocol;

/**
 * Maximum number of prepared statements. Our own statements are fewer. A plan takes up to some hundred kilobytes of the
 * memory of the database.
 */
const MAX_STATEMENTS = 250;
/**
 * Plans are made again after this time. A plan that was made for an almost empty table reads the whole table, and
 * PostgreSQL keeps a plan as long as the statistics of its tables stay the same. A PostgreSQL server updates the
 * statistics in the background; PGlite does not.
 */
const MAX_PLAN_AGE_MS = 2_000;

interface Prepared {
  name: string;
  /** The types of the parameters, as OIDs. */
  types: readonly number[];
}

/** Runs statements with values as prepared statements of the session. */
export interface PreparedQueries {
  query(sql: string, values: readonly SqlValue[]): Promise<{ rows: unknown[]; affectedRows?: number }>;
  /** Call it after all prepared statements of the session were deallocated. */
  forget(): void;
}

/**
 * Creates the prepared statements of a database. PGlite itself parses and plans a statement each time it runs, which
 * takes a large part of the time of a long statement. The caller runs one statement at a time.
 *
 * @param now milliseconds of a clock that never goes back
 */
export function createPreparedQueries(database: PGlite, now: () => number): PreparedQueries {
  // A Map iterates in insertion order. A statement that is used is inserted again, so the first one was used least
  // recently.
  const prepared = new Map<string, Prepared>();
  // A client of the SQL port, which uses the same session, must not choose the same name for a statement by chance.
  const prefix = randomUUID();
  let lastNumber = 0;
  let plannedAt = now();

  async function prepare(sql: string): Promise<Prepared> {
    lastNumber += 1;
    const name = `${prefix} ${lastNumber}`;
    const messages = await send(
      serialize.parse({ name, text: sql }),
      serialize.describe({ type: 'S', name }),
    );
    return { name, types: parse.parseDescribeStatementResults(messages) };
  }

  async function evict(sql: string, { name }: Prepared): Promise<void> {
    prepared.delete(sql);
    await send(serialize.close({ type: 'S', name }));
  }

  /** Sends messages of the extended protocol, and ends them. */
  async function send(...messages: readonly Uint8Array[]) {
    return database.execProtocolStream(Buffer.concat([...messages, serialize.sync()]));
  }

  async function discardOldPlans(): Promise<void> {
    if (now() < plannedAt + MAX_PLAN_AGE_MS) return;
    plannedAt = now();
    // In a transaction that has failed, this statement fails, too. Ignore its error, because the next statement reports
    // one.
    await send(serialize.query('DISCARD PLANS')).catch(() => undefined);
  }

  return {
    async query(sql, values) {
      await discardOldPlans();
      const statement = prepared.get(sql) ?? (await prepare(sql));
      prepared.delete(sql);
      prepared.set(sql, statement);
      const [oldest] = prepared;
      if (oldest && prepared.size > MAX_STATEMENTS) await evict(...oldest);
      try {
        const messages = await send(
          serialize.bind({ statement: statement.name, values: toTexts(database, statement.types, values) }),
          serialize.describe({ type: 'P' }),
          serialize.execute({}),
        );
        const [result] = parse.parseResults(messages, database.parsers);
        return { rows: result?.rows ?? [], affectedRows: result?.affectedRows ?? 0 };
      } catch (error) {
        if (isOutdated(error)) await evict(sql, statement);
        throw error;
      }
    },
    forget: () => prepared.clear(),
  };
}

/** Whether a migration has changed the columns of the result since the statement was prepared (feature_not_supported). */
function isOutdated(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '0A000';
}

/** Converts values as PGlite does. */
function toTexts(
  { serializers }: PGlite,
  types: readonly number[],
  values: readonly SqlValue[],
): (string | null)[] {
  return values.map((value, index) => {
    if (value === null) return null;
    const toText = serializers[types[index] ?? 0];
    return toText ? toText(value) : String(value);
  });
}
