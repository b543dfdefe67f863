import { readOptions, readPool } from '../arguments.ts';
import type { ProcessCommand } from '../command.ts';
import { changeSettings } from './connection/change-settings.ts';
import { planDisconnection } from './connection/plan-connection.ts';

/** Turns off the stream and the sync trigger of an identity pool. */
export const disconnect: ProcessCommand = {
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
          'This starts a gap: until the pool streams again, changes do not reach the query store. Later, a bulk publish adds all of these changes except removals; `reconcile` finds the removals.',
      });
  },
};
