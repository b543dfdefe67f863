import { readCommandLine, readNumber, readPool } from '../arguments.ts';
import { type Command, UsageError } from '../command.ts';
import { listPublishes } from './bulk-publish/list-publishes.ts';
import { startPublish } from './bulk-publish/start-publish.ts';
import { watchLast } from './bulk-publish/watch-last.ts';

const ACTIONS = ['start', 'watch', 'status'];

/**
 * Starts a bulk publish of a pool, watches the last bulk publish until its datasets are in the query store, or lists
 * the last bulk publishes.
 */
export const bulkPublish: Command = {
  stopped: 'stopped watching; the bulk publish continues',
  prepare(args) {
    const { values, positionals } = readCommandLine(args, {
      pool: { type: 'string' },
      timeout: { type: 'string' },
    });
    const [action = '', ...more] = positionals;
    if (!ACTIONS.includes(action) || more.length > 0) {
      throw new UsageError(`bulk-publish takes one of ${ACTIONS.join(', ')}`);
    }
    const identityPoolId = readPool(`bulk-publish ${action}`, values.pool);
    const { timeout, json: asJson } = values;
    if (timeout !== undefined && action !== 'watch')
      throw new UsageError('--timeout is valid only for bulk-publish watch');
    const options = { identityPoolId, asJson };
    if (action === 'start') return (deps) => startPublish(deps, options);
    if (action === 'status') return (deps) => listPublishes(deps, options);
    const seconds =
      timeout === undefined ? null : readNumber('--timeout', timeout, { min: 1, max: 10_000_000 });
    const timeoutMs = seconds === null ? null : seconds * 1000;
    return (deps) => watchLast(deps, { ...options, timeoutMs });
  },
};
