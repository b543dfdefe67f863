import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SetupError } from '../../../lib/common/errors.ts';
import type { Command, CommandDeps } from '../command.ts';
import { dismissEvents } from './quarantine/dismiss-events.ts';
import { exportEvents, listEvents } from './quarantine/list-events.ts';
import { type QuarantineArguments, readArguments } from './quarantine/quarantine-arguments.ts';
import { editEvent, redriveEvents } from './quarantine/redrive-events.ts';
import { showEvent } from './quarantine/show-event.ts';
import { redriveAll } from './redrive/from-quarantine.ts';

/** Lists the events in quarantine, and shows, edits, redrives, dismisses or exports them. */
export const quarantine: Command = {
  prepare(args) {
    const { action, ids, ...given } = readArguments(args);
    switch (action) {
      case 'list':
        return (deps) => listEvents(deps, given);
      case 'show':
        return (deps) => showEvent(deps, ids, given);
      case 'edit':
        return (deps) => edit(deps, ids, given);
      case 'redrive':
        return (deps) =>
          ids.length === 0
            ? redriveAll(deps, { isDismissing: false, asJson: given.asJson })
            : redriveEvents(deps, ids, given);
      case 'dismiss':
        return (deps) => dismissEvents(deps, ids, given);
      case 'export':
        return (deps) => exportEvents(deps, given);
    }
  },
  fromAnywhere(args, cwd) {
    const { action, ids, file, asJson } = readArguments(args);
    if (file === undefined) return args;
    return [action, ...ids, '--file', resolve(cwd, file), ...(asJson ? ['--json'] : [])];
  },
  inEditor(args) {
    const { action, ids, file, asJson } = readArguments(args);
    if (action !== 'edit' || file !== undefined) return undefined;
    return {
      read: ['quarantine', 'show', ...ids, '--payload'],
      save: (path) => ['quarantine', 'edit', ...ids, '--file', path, ...(asJson ? ['--json'] : [])],
      unchanged: 'the payload was not changed; nothing was projected',
    };
  },
};

async function edit(deps: CommandDeps, ids: readonly string[], given: QuarantineArguments): Promise<void> {
  if (given.file === undefined)
    throw new SetupError('quarantine edit needs --file or a terminal with $EDITOR');
  const payload = await readFile(given.file).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new SetupError(
      `${given.file} cannot be read: ${code}; --file takes the path of a file with the new payload`,
    );
  });
  await editEvent(deps, ids, { payload, asJson: given.asJson });
}
