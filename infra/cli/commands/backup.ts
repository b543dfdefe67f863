import { resolve } from 'node:path';
import { SetupError } from '../../../lib/common/errors.ts';
import { toSafeLine } from '../../../lib/common/text.ts';
import { readOptions } from '../arguments.ts';
import { type Command, UsageError } from '../command.ts';
import { printJson } from '../terminal/print-json.ts';
import { readDataFiles } from './backup/data-files.ts';
import { describeContents } from './export/describe-contents.ts';
import { exportService } from './export/export-service.ts';

const STOPPED = 'stopped; run the same command again to continue the backup';

/**
 * Writes a backup: an export of the complete service, with the token key, and with the checkpoints of the streams of
 * origins (services from which pools are being migrated).
 */
export const backup: Command = {
  stopped: STOPPED,
  prepare(args) {
    const { out, asJson } = readArguments(args);
    return async (deps) => {
      // The files are read before the data. With a checkpoint that is older than the data, the restored service only
      // applies some events again. With a newer checkpoint, it could skip events.
      const files = await readDataFiles(deps.dataDir, deps.usesTokenKeyFile());
      const contents = await exportService(deps, { out, files });
      if (deps.signal.aborted) throw new SetupError(STOPPED);
      const hasTokenKey = files.tokenKey !== null;
      if (asJson) return printJson(deps.print, { file: out, hasTokenKey, ...contents });
      deps.print(toSafeLine(`${out}: complete, ${hasTokenKey ? WITH_KEY : WITHOUT_KEY}`));
      deps.print(`  ${describeContents(contents)}`);
    };
  },
  fromAnywhere(args, cwd) {
    const { out, asJson } = readArguments(args);
    return ['--out', resolve(cwd, out), ...(asJson ? ['--json'] : [])];
  },
  sharedPath: (args) => ({ path: readArguments(args).out, isWritten: true }),
};

const WITH_KEY = 'with the token key of DATA_DIR; protect the file like the database';
const WITHOUT_KEY =
  'without a token key, because SERVICE_KEYS has the token keys; store SERVICE_KEYS with the backup, and protect the file like the database';

function readArguments(args: string[]): { out: string; asJson: boolean } {
  const { out, json: asJson } = readOptions('backup', args, { out: { type: 'string' } });
  if (!out) throw new UsageError('backup requires --out with the path of a file that does not exist');
  return { out, asJson };
}
