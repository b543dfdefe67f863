import { randomUUID } from 'node:crypto';
import { SetupError } from '../../../../lib/common/errors.ts';
import { dataPaths } from '../../../../lib/database/data-directory.ts';
import type { Database } from '../../../../lib/database/database.ts';
import { readDatabaseId } from '../../../../lib/database/schema/read-database-id.ts';
import { readSections, START } from '../../../../lib/export/read-sections.ts';
import { recordSection } from '../../../../lib/export/store/record-section.ts';
import type { ExportedRecord } from '../../../../lib/projection/store/export-records.ts';
import { readStableTime } from '../../../../lib/projection/store/stable-time.ts';
import type { CommandDeps } from '../../command.ts';
import { count, isoOf } from '../../terminal/format.ts';
import type { ExportArguments } from './export-arguments.ts';
import { openLocked } from './lock-output.ts';
import { type ExportState, reportSometimes, type TextOutput, writeToStdout } from './output.ts';
import { openOutputFile } from './output-file.ts';
import { openParquetFiles } from './parquet-files.ts';
import { toRecordLine } from './record-columns.ts';

/** Exports the live records of the query store. Ends early if the signal is aborted. */
export async function exportRecords(deps: CommandDeps, given: ExportArguments): Promise<void> {
  const { database, now, progress, signal } = deps;
  const { identityPoolId, datasetName, since } = given;
  const report = reportSometimes(deps);
  const output = await openRecordOutput(deps, given);
  try {
    const until = await readUntil(database, since);
    let state: ExportState = output.resumed ?? newState(now(), until);
    const next = state.until ?? since;
    const projected = since === null || next === null ? null : { from: since, to: next };
    const sections = [recordSection(database, { identityPoolId, datasetName, projected })];
    for await (const { items, cursor } of readSections(sections, state.cursor)) {
      state = { ...state, cursor, items: state.items + items.length };
      await output.write(items, state);
      report(`${count(state.items, 'record')} exported`);
      if (signal.aborted) return;
    }
    await output.finish(state);
    const hint = next === null ? '' : `; for later changes, export --since ${isoOf(next)}`;
    progress({ text: `${count(state.items, 'record')} exported${hint}` });
  } finally {
    await output.close();
  }
}

/**
 * Reads up to which time all changes can be exported. A record can become visible after a later record. Without the index
 * `changes`, each page of an export with `since` would read all records.
 *
 * @returns epoch milliseconds; null if the time is unknown
 * @throws {SetupError} the server cannot export changes
 */
async function readUntil(database: Database, since: number | null): Promise<number | null> {
  try {
    const { untilMs, isIndexed } = await readStableTime(database, null);
    if (isIndexed || since === null) return untilMs;
  } catch (error) {
    // An export of all records needs no time.
    if (since === null && error instanceof SetupError) return null;
    throw error;
  }
  throw new SetupError(
    'export --since needs the index changes; add it with `cognito-sync-backend indexes add changes`',
  );
}

export function newState(startedAt: number, until: number | null = null): ExportState {
  return { startedAt, until, exportId: randomUUID(), cursor: START, items: 0 };
}

async function openRecordOutput(
  { database, dataDir, write, now }: Pick<CommandDeps, 'database' | 'dataDir' | 'write' | 'now'>,
  { out, format, identityPoolId, datasetName, since }: ExportArguments,
) {
  if (out === null) return asLines(writeToStdout(write));
  const options = JSON.stringify({ format, identityPoolId, datasetName, since });
  const identity = { options, databaseId: await readDatabaseId(database, dataPaths(dataDir).database) };
  return openLocked(out, async () =>
    format === 'jsonl'
      ? asLines(await openOutputFile(out, { ...identity, now }))
      : { ...(await openParquetFiles(out, identity)), close: async () => undefined },
  );
}

const asLines = (text: TextOutput) => ({
  ...text,
  finish: () => text.finish(''),
  write: (records: readonly ExportedRecord[], state: ExportState) =>
    text.write(records.map(toRecordLine).join(''), state),
});
