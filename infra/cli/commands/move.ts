import { FINISH_REASONS, type FinishReason } from '../../../lib/move/finish-reasons.ts';
import { readCommandLine, readDuration, readNumber, readPool } from '../arguments.ts';
import { type Command, UsageError } from '../command.ts';
import { conflicts } from './move/conflicts.ts';
import { copy } from './move/copy.ts';
import { finish } from './move/finish.ts';
import { status } from './move/status.ts';
import { takeOverPool } from './move/take-over.ts';
import { verify } from './move/verify.ts';

/**
 * Calls per second to the origin, the service from which the pool is moved. Amazon publishes no rate limit; this rate
 * does not slow down an app's devices.
 */
const DEFAULT_RATE = 10;

/**
 * How long no old version of the app must have written before `move finish` ends a migration. An old version that is
 * still in use usually writes within a month.
 */
const DEFAULT_QUIET_FOR = '30d';

const OPTIONS = {
  copy: ['pool', 'rate', 'dry-run'],
  conflicts: ['pool'],
  finish: ['pool', 'quiet-for', 'ignore', 'dry-run', 'rate'],
  status: ['pool'],
  'take-over': ['pool', 'identity', 'rate'],
  verify: ['pool', 'rate', 'sample'],
} as const;

const isAction = (action: string): action is keyof typeof OPTIONS => Object.hasOwn(OPTIONS, action);

/** Parses the value of `--ignore`. @throws {UsageError} a reason is unknown */
function readReasons(list: string): Set<FinishReason> {
  const names = list.split(',').filter((name) => name !== '');
  const reasons = FINISH_REASONS.filter((reason) => names.includes(reason));
  if (reasons.length === names.length) return new Set(reasons);
  throw new UsageError(`--ignore takes a comma-separated list of ${FINISH_REASONS.join(', ')}`);
}

/**
 * Migrates an identity pool from another service: copies it, takes its identities over, reports the progress, lists the
 * conflicts, compares both services, and finishes the migration.
 */
export const move: Command = {
  stopped: 'stopped; everything done so far is kept, and the next run of the command continues there',
  prepare(args) {
    const { values, positionals } = readCommandLine(args, {
      pool: { type: 'string' },
      rate: { type: 'string' },
      sample: { type: 'string' },
      identity: { type: 'string' },
      'dry-run': { type: 'boolean' },
      'quiet-for': { type: 'string' },
      ignore: { type: 'string' },
    });
    const [action = '', ...more] = positionals;
    if (!isAction(action) || more.length > 0)
      throw new UsageError('move takes one of copy, take-over, status, conflicts, verify, finish');
    const valid: readonly string[] = [...OPTIONS[action], 'json'];
    for (const option of Object.keys(values)) {
      if (!valid.includes(option)) throw new UsageError(`move ${action} does not take --${option}`);
    }
    const { json: asJson, 'dry-run': isDryRun = false } = values;
    if (action === 'status') {
      const pool = values.pool === undefined ? null : readPool('move status', values.pool);
      return (deps) => status(deps, { identityPoolId: pool, asJson });
    }
    const identityPoolId = readPool(`move ${action}`, values.pool);
    if (action === 'conflicts') return (deps) => conflicts(deps, { identityPoolId, asJson });
    const maxCallsPerSecond =
      values.rate === undefined ? DEFAULT_RATE : readNumber('--rate', values.rate, { min: 1, max: 1_000 });
    const options = { identityPoolId, maxCallsPerSecond, asJson };
    if (action === 'copy') return (deps) => copy(deps, { ...options, isDryRun });
    if (action === 'take-over') {
      const identityId = values.identity ?? null;
      return (deps) => takeOverPool(deps, { ...options, identityId });
    }
    if (action === 'finish') {
      const { ignore = '', 'quiet-for': quietFor = DEFAULT_QUIET_FOR } = values;
      const ignored = readReasons(ignore);
      const quietForMs = readDuration('--quiet-for', quietFor);
      return (deps) => finish(deps, { ...options, quietForMs, ignored, isDryRun });
    }
    const sample =
      values.sample === undefined ? null : readNumber('--sample', values.sample, { min: 1, max: 1_000_000 });
    return (deps) => verify(deps, { ...options, sample });
  },
};
