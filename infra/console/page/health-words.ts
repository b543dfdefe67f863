import { formatCount, formatDuration } from './format.ts';

/** The answer of `/healthz` on loopback, as far as the console reads it. */
export interface HealthReport {
  status: 'ok' | 'retrying' | 'failing' | 'stopping';
  database: 'embedded' | 'server';
  writes: { lastError: string | null };
  logins: { mode: 'trusted' | 'verified'; keySets: { source: string; lastError: string | null }[] };
  projection: { events: number; lastBatch: { batchMs: number; lagMs: number | null } | null };
  mappings: {
    functionName: string;
    streamName: string;
    lastError: string | null;
    shards: { shardId: string; millisBehind: number; lastError: string | null }[];
  }[];
  schedules: { functionName: string; lastError: string | null }[];
}

/** One statement about a part of the service. */
export interface HealthSentence {
  state: 'good' | 'warn' | 'bad';
  part: string;
  text: string;
}

/** A lag that a user notices. */
const NOTICEABLE_LAG_MS = 5_000;

/**
 * Describes the state of the service: a summary, and one sentence for each part, problems first.
 * @param quarantined number of events in quarantine. If it is undefined because the number is unknown, and no part has a
 *   problem, the summary is undefined
 */
export function describeHealth(
  health: HealthReport,
  quarantined: number | undefined,
): { summary: HealthSentence | undefined; parts: HealthSentence[] } {
  const parts = [
    describeWrites(health),
    ...health.mappings.map(describeMapping),
    describeSchedules(health),
    describeLogins(health),
    ...(quarantined ? [describeQuarantine(quarantined)] : []),
  ].sort((a, b) => RANK[a.state] - RANK[b.state]);
  return { summary: summarize(parts, quarantined !== undefined), parts };
}

const RANK = { bad: 0, warn: 1, good: 2 } as const;

function summarize(parts: readonly HealthSentence[], isComplete: boolean): HealthSentence | undefined {
  const part = '';
  const troubled = parts.filter(({ state }) => state === 'bad').length;
  if (troubled > 0) {
    const text = troubled === 1 ? 'One part has a problem.' : `${troubled} parts have a problem.`;
    return { state: 'bad', part, text };
  }
  if (!isComplete) return undefined;
  return parts.some(({ state }) => state === 'warn')
    ? { state: 'warn', part, text: 'Everything works, but something needs attention.' }
    : { state: 'good', part, text: 'Everything works.' };
}

/** How far the rows are behind the stream, in milliseconds. Null if the stream is not read yet. */
export function lagOf({ mappings }: HealthReport): number | null {
  const behind = mappings.flatMap(({ shards }) => shards.map(({ millisBehind }) => millisBehind));
  return behind.length === 0 ? null : Math.max(...behind);
}

function describeWrites({ writes: { lastError }, database }: HealthReport): HealthSentence {
  const part = 'Database';
  const name = database === 'embedded' ? 'The embedded database' : 'The database server';
  if (lastError === null) return { state: 'good', part, text: `${name} accepts writes.` };
  const text = `${name} rejects writes (${lastError}). Devices receive errors. Check the disk and the log of the server.`;
  return { state: 'bad', part, text };
}

function describeMapping({
  functionName,
  streamName,
  lastError,
  shards,
}: HealthReport['mappings'][number]): HealthSentence {
  const part = functionName;
  const failed = lastError ?? shards.find((shard) => shard.lastError !== null)?.lastError ?? null;
  if (failed !== null) {
    const text = `Events of the stream ${streamName} are retried because of an error (${failed}). No event is lost, but the rows are outdated.`;
    return { state: 'bad', part, text };
  }
  const behindMs = Math.max(0, ...shards.map(({ millisBehind }) => millisBehind));
  return behindMs > NOTICEABLE_LAG_MS
    ? {
        state: 'warn',
        part,
        text: `The rows are ${formatDuration(behindMs)} behind the stream ${streamName}.`,
      }
    : { state: 'good', part, text: `The rows are up to date with the stream ${streamName}.` };
}

function describeSchedules({ schedules }: HealthReport): HealthSentence {
  const part = 'Scheduled functions';
  const failed = schedules.filter(({ lastError }) => lastError !== null);
  if (failed.length === 0)
    return { state: 'good', part, text: `All ${schedules.length} run without errors.` };
  const names = failed.map(({ functionName, lastError }) => `${functionName} (${lastError})`).join(', ');
  return {
    state: 'bad',
    part,
    text: `The last run failed: ${names}. It is retried. The log of the server says more.`,
  };
}

function describeQuarantine(quarantined: number): HealthSentence {
  const events = quarantined === 1 ? 'One event was' : `${formatCount(quarantined)} events were`;
  const text = `${events} not projected, so rows may be missing. The page Quarantine says why, and lets you project again.`;
  return { state: 'warn', part: 'Quarantine', text };
}

function describeLogins({ logins: { mode, keySets } }: HealthReport): HealthSentence {
  const part = 'Logins';
  if (mode === 'trusted') {
    return {
      state: 'good',
      part,
      text: 'Any token is accepted, because only this machine reaches the service.',
    };
  }
  const failed = keySets.filter(({ lastError }) => lastError !== null);
  if (failed.length === 0) return { state: 'good', part, text: 'Tokens of login providers are verified.' };
  const sources = failed.map(({ source, lastError }) => `${source} (${lastError})`).join(', ');
  return { state: 'warn', part, text: `The keys of a login provider cannot be loaded: ${sources}.` };
}
