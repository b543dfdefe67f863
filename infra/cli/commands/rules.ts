import { type ProcessCommand, UsageError } from '../command.ts';
import { readCommandLine } from '../command-line.ts';
import { checkRulesFile } from './rules/check-rules-file.ts';
import { tryRules } from './rules/try-rules.ts';

/** Looks at the sync rules before they are deployed. */
export const rules: ProcessCommand = {
  summary:
    'check the sync rules (SYNC_RULES, else sync-rules.ts), or try them on events; - is standard input',
  usage: ['rules check [--json]', 'rules try --event <file>|- [--json]'],
  prepare(args) {
    const { values, positionals } = readCommandLine(args, { event: { type: 'string' } });
    const [action, ...more] = positionals;
    const { event, json: asJson } = values;
    if (action === undefined) throw new UsageError('rules: check or try?');
    if (action !== 'check' && action !== 'try') throw new UsageError(`rules: there is no ${action}`);
    if (more.length > 0) throw new UsageError(`rules ${action} does not take ${more.join(' ')}`);
    if (action === 'check') {
      if (event !== undefined) throw new UsageError('rules check takes no event');
      return (deps) => failIfCutShort(() => checkRulesFile(deps, { asJson }));
    }
    if (!event) throw new UsageError('rules try takes --event with a file, or - for standard input');
    return (deps) => failIfCutShort(() => tryRules({ event, asJson }, deps));
  },
};

/**
 * Does work that runs the user's code, which can end the process, or wait for what never comes. Then nothing was done
 * that could count, whatever exit code it ended with.
 */
async function failIfCutShort(work: () => Promise<void>): Promise<void> {
  process.once('exit', tellOfEnd);
  try {
    await work();
  } finally {
    process.off('exit', tellOfEnd);
  }
}

function tellOfEnd(): void {
  process.exitCode = 1;
  process.stderr.write('cognito-sync-backend: the rules file ended the process\n');
}
