import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SetupError } from '../../../lib/common/errors.ts';
import type { Command, CommandDeps } from '../command.ts';
import { completeIds } from './quarantine/complete-ids.ts';
import { dismissEvents } from './quarantine/dismiss-events.ts';
import { exportEvents, listEvents } from './quarantine/list-events.ts';
import { type QuarantineArguments, readArguments } from './quarantine/quarantine-arguments.ts';
import { editEvent, redriveEvents } from './quarantine/redrive-events.ts';
import { showEvent, writeEditable } from './quarantine/show-event.ts';
import { redriveAll } from './redrive/from-quarantine.ts';

/** Lists the events in quarantine, and shows, edits, redrives, dismisses or exports them. */
export const quarantine: Command = {
  prepare(args) {
    const { action, ids, ...given } = readArguments(args);
    switch (action) {
      case 'list':
        return (deps) => listEvents(deps, given);
      case 'show':
        return async (deps) => showEvent(deps, await completeIds(deps, ids), given);
      case 'edit':
        return async (deps) => edit(deps, await completeIds(deps, ids), given);
      case 'redrive':
        return async (deps) =>
          ids.length === 0
            ? redriveAll(deps, { isDismissing: false, asJson: given.asJson })
            : redriveEvents(deps, await completeIds(deps, ids), given);
      case 'dismiss':
        return async (deps) => dismissEvents(deps, await completeIds(deps, ids), given);
      case 'export':
        return (deps) => exportEvents(deps, given);
    }
  },
  async fromAnywhere(args, cwd) {
    const { action, ids, file, asJson } = readArguments(args);
    if (file === undefined) return args;
    // Under systemd, the process of the service can have its own `/tmp` and no `/home`.
    const content = (await readPayload(resolve(cwd, file))).toString('base64');
    return [action, ...ids, '--content', content, ...(asJson ? ['--json'] : [])];
  },
  inEditor(args) {
    const { action, ids, file, asJson } = readArguments(args);
    if (action !== 'edit' || file !== undefined) return undefined;
    return {
      read: ['quarantine', 'edit', ...ids],
      save: (path) => ['quarantine', 'edit', ...ids, '--file', path, ...(asJson ? ['--json'] : [])],
      unchanged: 'the payload was not changed; nothing was projected',
    };
  },
};

/** Projects the new payload. Without a new payload, writes the text that the operator edits. */
async function edit(
  deps: CommandDeps,
  ids: readonly string[],
  { file, content, asJson }: QuarantineArguments,
): Promise<void> {
  if (file === undefined && content === undefined) return writeEditable(deps, ids);
  const payload = file === undefined ? Buffer.from(content ?? '', 'base64') : await readPayload(file);
  await editEvent(deps, ids, { payload, asJson });
}

/** @throws {SetupError} the file cannot be read */
function readPayload(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new SetupError(
      `${path} cannot be read: ${code}; --file takes the path of a file with the new payload`,
    );
  });
}
