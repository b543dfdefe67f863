import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SetupError } from '../../../lib/common/errors.ts';
import { toSafeLine } from '../../../lib/common/text.ts';
import {
  type ImportOutcome,
  type ImportProgress,
  importService,
} from '../../../lib/export/import-service.ts';
import { createImportTarget } from '../../../lib/export/store/import-target.ts';
import { readCommandLine } from '../arguments.ts';
import { type Command, type CommandDeps, UsageError } from '../command.ts';
import { count } from '../terminal/format.ts';
import { printJson } from '../terminal/print-json.ts';
import { describeContents } from './export/describe-contents.ts';

/** Imports the complete state of a service, which `export --service` wrote. */
export const importData: Command = {
  stopped: 'stopped; run the same command again to continue the import',
  prepare(args) {
    const { path, asJson } = readArguments(args);
    return (deps) => (path === null ? discard(deps, asJson) : run(deps, path, asJson));
  },
  fromAnywhere(args, cwd) {
    const { path, asJson } = readArguments(args);
    return path === null ? args : [resolve(cwd, path), ...(asJson ? ['--json'] : [])];
  },
  sharedPath(args) {
    const { path } = readArguments(args);
    return path === null ? undefined : { path, isWritten: false };
  },
  question(args) {
    const { path, isConfirmed, asJson } = readArguments(args);
    if (path !== null || isConfirmed) return undefined;
    if (asJson)
      throw new UsageError('import --discard --json needs --yes, because it cannot ask for confirmation');
    return 'Delete everything that the interrupted import has written?';
  },
};

interface ImportArguments {
  /** The path of the file; null to discard an import. */
  path: string | null;
  /** Whether `--yes` confirms that the import is discarded. */
  isConfirmed: boolean;
  asJson: boolean;
}

function readArguments(args: string[]): ImportArguments {
  const { values, positionals } = readCommandLine(args, {
    discard: { type: 'boolean', default: false },
    yes: { type: 'boolean', default: false },
  });
  const [path = null, ...more] = positionals;
  if (values.discard && path !== null) throw new UsageError('import --discard does not take a file');
  if (values.yes && !values.discard) throw new UsageError('--yes is valid only for import --discard');
  if (!values.discard && (!path || more.length > 0))
    throw new UsageError('import takes the path of one file');
  return { path, isConfirmed: values.yes, asJson: values.json };
}

async function discard({ database, now, print }: CommandDeps, asJson: boolean): Promise<void> {
  const identityPoolIds = await createImportTarget(database).discard(now());
  if (asJson) printJson(print, { discarded: identityPoolIds });
  else print(`discarded: the service removes the data of ${count(identityPoolIds.length, 'identity pool')}`);
}

async function run(deps: CommandDeps, path: string, asJson: boolean): Promise<void> {
  const { database, now, print, progress, signal } = deps;
  const total = await sizeOf(path);
  const outcome = await importService(
    { open: (start) => createReadStream(path, { start }), target: createImportTarget(database), now },
    { signal, onProgress: throttled(total, progress) },
  ).catch((error: unknown) => {
    if (!(error instanceof Error && 'syscall' in error && 'code' in error)) throw error;
    throw new SetupError(`${path} cannot be read (${error.code}); check its permissions`);
  });
  if (asJson) printJson(print, outcome);
  else for (const line of describe(outcome)) print(toSafeLine(line));
}

/**
 * Returns the size of the file in bytes.
 * @throws {SetupError} the path is not a file, for example a pipe, which cannot be read twice
 */
async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new SetupError(`there is no file ${path}`);
  if (!found.isFile())
    throw new SetupError(`${path} is not a file; write the export to a file and import that`);
  return found.size;
}

const REPORT_BYTES = 1024 * 1024;
const PHASES = { verifying: 'verified', importing: 'imported' };

/** Reports each mebibyte and each phase, because a file can have millions of lines. */
function throttled(total: number, progress: CommandDeps['progress']): (reported: ImportProgress) => void {
  let last: ImportProgress | null = null;
  return (reported) => {
    const { phase, position } = reported;
    if (last?.phase === phase && position < total && position - last.position < REPORT_BYTES) return;
    last = reported;
    const text = `${PHASES[phase]} ${Math.floor((100 * position) / total)} % of the file`;
    progress({ text, share: { done: position, total } });
  };
}

function describe({ isResumed, skipped, publishing, silent, ...counts }: ImportOutcome): string[] {
  const contents = describeContents({ ...counts, pools: counts.identityPoolIds.length });
  return [
    `${isResumed ? 'continued the import: ' : ''}${contents}`,
    ...(skipped > 0
      ? [`  ${count(skipped, 'line')} skipped, because their data was deleted during the export`]
      : []),
    ...publishing.map((id) => `  ${id}: a bulk publish fills the query store while the service runs`),
    ...silent.map((id) => `  ${id}: does not stream, so the query store does not receive its data`),
  ];
}
