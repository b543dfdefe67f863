import { readPool } from '../arguments.ts';
import type { ProcessCommand } from '../command.ts';
import { readOptions } from '../command-line.ts';
import { changeSettings } from './connection/change-settings.ts';
import { planDisconnection } from './connection/plan-connection.ts';

/** Undoes what connect does. */
export const disconnect: ProcessCommand = {
  summary: 'turn the stream and the sync trigger of an identity pool off; asks first',
  usage: ['disconnect --pool <id> [--yes] [--json]'],
  prepare(args) {
    const values = readOptions('disconnect', args, {
      pool: { type: 'string' },
      yes: { type: 'boolean', default: false },
    });
    const identityPoolId = readPool('disconnect', values.pool);
    const { yes, json: asJson } = values;
    return (deps) =>
      changeSettings(deps, {
        identityPoolId,
        isAsked: !yes,
        asJson,
        plan: planDisconnection,
        warning:
          'With that a gap begins: changes do not reach the query store; a bulk publish brings them once the pool streams again, but for removals, which `reconcile` finds.',
      });
  },
};
