import { checkMember, readOptions } from '../arguments.ts';
import { readClientConfig } from '../client-config.ts';
import type { ProcessCommand, ProcessDeps } from '../command.ts';
import { printJson } from '../terminal/print-json.ts';
import { describeSync } from './tail/describe-sync.ts';
import { followSyncs, type SyncFate } from './tail/follow-syncs.ts';
import { openActivity } from './tail/read-activity.ts';

/** Prints one line for each sync that a local cloud answers, and what became of the sync. */
export const tail: ProcessCommand = {
  prepare(args) {
    const { pool, identity, json } = readOptions('tail', args, {
      pool: { type: 'string' },
      identity: { type: 'string' },
    });
    if (pool !== undefined) checkMember('IdentityPoolId', pool);
    if (identity !== undefined) checkMember('IdentityId', identity);
    const filter = { ...(pool !== undefined && { pool }), ...(identity !== undefined && { identity }) };
    return (deps) => run(filter, json, deps);
  },
};

async function run(
  filter: Readonly<Record<string, string>>,
  asJson: boolean,
  { env, print }: ProcessDeps,
): Promise<void> {
  const { url } = readClientConfig(env);
  const activities = await openActivity(url, filter);
  console.error(`Waiting for syncs at ${url}. Press Ctrl+C to stop.`);
  const follower = followSyncs((fate: SyncFate) => {
    if (asJson) printJson(print, fate);
    else print(describeSync(fate));
  });
  const clock = setInterval(() => follower.giveUp(Date.now()), 1_000);
  try {
    for await (const activity of activities) follower.see(activity, Date.now());
  } finally {
    clearInterval(clock);
    follower.stop();
  }
}
