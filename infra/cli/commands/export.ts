import { resolve } from 'node:path';
import { SetupError } from '../../../lib/common/errors.ts';
import type { Command } from '../command.ts';
import { readArguments } from './export/export-arguments.ts';
import { exportRecords } from './export/export-records.ts';
import { exportService } from './export/export-service.ts';

const STOPPED = 'stopped; run the same command again to continue an export to --out';

/** Exports the live records of the query store, or the complete state of the service. */
export const exportData: Command = {
  stopped: STOPPED,
  prepare(args) {
    const given = readArguments(args);
    return async (deps) => {
      await (given.isService ? exportService(deps, given) : exportRecords(deps, given));
      if (deps.signal.aborted) throw new SetupError(STOPPED);
    };
  },
  fromAnywhere(args, cwd) {
    const { out } = readArguments(args);
    if (out === null) return args;
    const index = args.indexOf('--out');
    return index >= 0
      ? args.with(index + 1, resolve(cwd, out))
      : args.map((argument) => (argument.startsWith('--out=') ? `--out=${resolve(cwd, out)}` : argument));
  },
  sharedPath(args) {
    const { out } = readArguments(args);
    return out === null ? undefined : { path: out, isWritten: true };
  },
};
