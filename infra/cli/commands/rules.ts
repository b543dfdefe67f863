import { readCommandLine } from '../arguments.ts';
import { type ProcessCommand, UsageError } from '../command.ts';
import { checkRulesFile } from './rules/check-rules-file.ts';
import { tryRules } from './rules/try-rules.ts';

/** Checks the sync rules or tries them on events, before they are deployed. */
export const rules: ProcessCommand = {
  prepare(args) {
    const { values, positionals } = readCommandLine(args, { event: { type: 'string' } });
    const [action, ...more] = positionals;
    const { event, json: asJson } = values;
    if (action === undefined) throw new UsageError('rules: no action given; use check or try');
    if (action !== 'check' && action !== 'try') throw new UsageError(`rules: unknown action ${action}`);
    if (more.length > 0) throw new UsageError(`rules ${action} does not take ${more.join(' ')}`);
    if (action === 'check') {
      if (event !== undefined) throw new UsageError('--event is valid only for rules try');
      return (deps) => failIfCutShort(() => checkRulesFile(deps, { asJson }));
    }
    if (!event) throw new UsageError('rules try takes --event with a file, or - for standard input');
    return (deps) => failIfCutShort(() => tryRules({ event, asJson }, deps));
  },
};

/**
 * Runs `work`, and reports a failure if the process exits before `work` completes. The user's code can end the process
 * with any exit code. Node also exits if the user's code waits for a promise that nothing can settle.
 */
async function failIfCutShort(work: () => Promise<void>): Promise<void> {
  process.once('exit', reportExit);
  try {
    await work();
  } finally {
    process.off('exit', reportExit);
  }
}

function reportExit(): void {
  process.exitCode = 1;
  process.stderr.write(
    'cognito-sync-backend: the rules file ended the process; remove calls of process.exit, and promises that never settle\n',
  );
}
