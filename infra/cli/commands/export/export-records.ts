import { randomUUID } from 'node:crypto';
import { SetupError } from '../../../../lib/common/errors.ts';
import { dataPaths } from '../../../../lib/database/data-directory.ts';
import type { Database } from '../../../../lib/database/database.ts';
import { readDatabaseId } from '../../../../lib/database/schema/read-database-id.ts';
import { readSections, START } from '../../../../lib/export/read-sections.ts';
import { recordSection } from '../../../../lib/export/store/record-section.ts';
import type { ExportedRecord } from '../../../../lib/projection/store/export-records.ts';
import { createOptionalIndexes } from '../../../../lib/projection/store/optional-indexes.ts';
import type { CommandDeps } from '../../command.ts';
import { count, isoOf } from '../../terminal/format.ts';
import type { ExportArguments } from './export-arguments.ts';
import { type ExportState, reportSometimes, type TextOutput, writeToStdout } from './output.ts';
import { openOutputFile } from './output-file.ts';
import { openParquetFiles } from './parquet-files.ts';
import { toRecordLine } from './record-columns.ts';

/** Longer than any transaction of the projection. A record can become visible this long after its `projected_at`. */
const LONGEST_WRITE_MS = 5 * 60 * 1000;

/** Exports the live records of the query store. Ends early if the signal is aborted. */
export async function exportRecords(deps: CommandDeps, given: ExportArguments): Promise<void> {
  const { database, now, progress, signal } = deps;
  const { identityPoolId, datasetName, since } = given;
  const report = reportSometimes(deps);
  const output = await openRecordOutput(deps, given);
  try {
    let state: ExportState = output.resumed ?? newState(now());
    if (since !== null) await requireChangesIndex(database);
    const projected = since === null ? null : { from: since, to: state.startedAt };
    const sections = [recordSection(database, { identityPoolId, datasetName, projected })];
    for await (const { items, cursor } of readSections(sections, state.cursor)) {
      state = { ...state, cursor, items: state.items + items.length };
      await output.write(items, state);
      report(`${count(state.items, 'record')} exported`);
      if (signal.aborted) return;
    }
    await output.finish(state);
    const next = isoOf(state.startedAt - LONGEST_WRITE_MS);
    progress({ text: `${count(state.items, 'record')} exported; for later changes, export --since ${next}` });
  } finally {
    await output.close();
  }
}

/** Without the index, each page would read all records. @throws {SetupError} the index cannot be used */
async function requireChangesIndex(database: Database): Promise<void> {
  const indexes = await createOptionalIndexes(database).list();
  if (indexes.some(({ name, state }) => name === 'changes' && state === 'ready')) return;
  throw new SetupError(
    'export --since needs the index changes; add it with `cognito-sync-backend indexes add changes`',
  );
}

export function newState(startedAt: number): ExportState {
  return { startedAt, exportId: randomUUID(), cursor: START, items: 0 };
}

async function openRecordOutput(
  { database, dataDir, write, now }: Pick<CommandDeps, 'database' | 'dataDir' | 'write' | 'now'>,
  { out, format, identityPoolId, datasetName, since }: ExportArguments,
) {
  if (out === null) return asLines(writeToStdout(write));
  const options = JSON.stringify({ format, identityPoolId, datasetName, since });
  const identity = { options, databaseId: await readDatabaseId(database, dataPaths(dataDir).database) };
  if (format === 'jsonl') return asLines(await openOutputFile(out, { ...identity, now }));
  return { ...(await openParquetFiles(out, identity)), close: async () => undefined };
}

const asLines = (text: TextOutput) => ({
  ...text,
  finish: () => text.finish(''),
  write: (records: readonly ExportedRecord[], state: ExportState) =>
    text.write(records.map(toRecordLine).join(''), state),
});
