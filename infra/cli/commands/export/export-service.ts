import { hash } from 'node:crypto';
import { SetupError } from '../../../../lib/common/errors.ts';
import { dataPaths } from '../../../../lib/database/data-directory.ts';
import { readDatabaseId } from '../../../../lib/database/schema/read-database-id.ts';
import { createItemCounter } from '../../../../lib/export/count-items.ts';
import { readSections } from '../../../../lib/export/read-sections.ts';
import {
  type BackupFiles,
  endLine,
  headerLine,
  type ServiceItem,
} from '../../../../lib/export/service-file.ts';
import { requireNoImport } from '../../../../lib/export/store/interrupted-import.ts';
import { serviceSections } from '../../../../lib/export/store/service-sections.ts';
import { IDENTITY_POOLS } from '../../../../lib/sync/store/exported-tables.ts';
import type { CommandDeps } from '../../command.ts';
import { count } from '../../terminal/format.ts';
import type { ServiceContents } from './describe-contents.ts';
import type { ExportArguments } from './export-arguments.ts';
import { newState } from './export-records.ts';
import { openLocked } from './lock-output.ts';
import { type ExportState, reportSometimes, writeToStdout } from './output.ts';
import { openOutputFile } from './output-file.ts';

/**
 * Maximum duration of an export. The service knows which identities were deleted in the last 25 hours, and the export
 * leaves their data out. A longer export could contain data of deleted identities.
 */
const MAX_AGE_MS = 24 * 60 * 60 * 1000;

/**
 * Exports the complete state of the service. Ends early if the signal is aborted.
 *
 * @param files makes the export a backup
 * @returns what the export contains
 * @throws {SetupError} the export started more than 24 hours ago, or an import into the service has not ended
 */
export async function exportService(
  { database, dataDir, now, progress, signal, write }: CommandDeps,
  { out, files = null }: Pick<ExportArguments, 'out'> & { files?: BackupFiles | null },
): Promise<ServiceContents> {
  await requireNoImport(database);
  const report = reportSometimes({ progress, now });
  const id = await readDatabaseId(database, dataPaths(dataDir).database);
  const options =
    files === null
      ? { options: 'service', databaseId: id, now }
      : { options: 'backup', databaseId: `${id} ${hash('sha256', files.tokenKey ?? '')}`, now };
  const output =
    out === null ? writeToStdout(write) : await openLocked(out, () => openOutputFile(out, options));
  try {
    let state: ExportState = output.resumed ?? newState(now());
    if (output.resumed === null) await output.write(headerLine({ ...state, files }), state);
    const sections = serviceSections(database, state.startedAt);
    requireYoung(state, { now: now(), out });
    const counter = createItemCounter(state.contents);
    let pools = state.contents?.pools ?? 0;
    for await (const { section, items, cursor } of readSections(sections, state.cursor)) {
      requireYoung(state, { now: now(), out });
      counter.add(items);
      pools += items.filter(isPool).length;
      state = { ...state, cursor, items: state.items + items.length, contents: { pools, ...counter.read() } };
      await output.write(items.map((item) => `${JSON.stringify(item)}\n`).join(''), state);
      report(`${count(state.items, 'line')} exported, now ${section}`);
      if (signal.aborted) break;
    }
    if (!signal.aborted) {
      await output.finish(endLine(output.sha256()));
      progress({ text: `${count(state.items, 'line')} exported` });
    }
    return { pools, ...counter.read() };
  } finally {
    await output.close();
  }
}

const isPool = (item: ServiceItem): boolean => item.type === 'row' && item.table === IDENTITY_POOLS.name;

function requireYoung({ startedAt }: ExportState, { now, out }: { now: number; out: string | null }): void {
  if (now - startedAt <= MAX_AGE_MS) return;
  const remove = out === null ? '' : `delete ${out}.partial and ${out}.progress, and `;
  throw new SetupError(
    `the export started more than 24 hours ago, so it can contain data of identities that were deleted since; ${remove}start again`,
  );
}
