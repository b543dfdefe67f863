import type {
  ProjectedActivity,
  SyncActivity,
  TimedActivity,
  TriggerActivity,
} from '../../../../lib/query/activity.ts';

/** A sync and what became of it. */
export interface SyncFate extends SyncActivity {
  /** When the sync was answered, as ISO 8601 text. */
  at: string;
  /** What the sync trigger decided; null if no trigger ran. */
  trigger: Pick<TriggerActivity, 'outcome' | 'reason' | 'records' | 'recordCount'> | null;
  /**
   * Time from the answer until the change was in the query store, in milliseconds. Null if the sync wrote nothing,
   * or if the change was not in the query store after WAIT_MS or when the local cloud stopped.
   */
  projectedAfterMs: number | null;
  /** Whether the local cloud stopped before it reported the projection. Absent if it did not. */
  isCutOff?: true;
}

/** How long a sync waits until its change is in the query store. After that, the sync is reported without a time. */
const WAIT_MS = 10_000;
/**
 * A projection that was reported at most this long before its sync belongs to the sync. An older projection can belong
 * to an earlier dataset of the same name, whose count was higher.
 */
const SHORTLY_BEFORE_MS = 2_000;
/** Maximum number of syncs that wait, and of triggers and projections that are remembered. */
const MAX_REMEMBERED = 10_000;

/** The operations whose changes are published to the stream. */
const PUBLISHED = new Set(['UpdateRecords', 'DeleteDataset']);

export interface SyncFollower {
  /** @param now epoch milliseconds */
  see(activity: TimedActivity, now: number): void;
  /** Reports the syncs that have waited too long at the time `now`. */
  giveUp(now: number): void;
  /** Reports all syncs that still wait, because the local cloud stopped. */
  stop(): void;
}

/**
 * Combines the activities that belong to a sync. In the local cloud's feed of activities, the decision of the sync
 * trigger is before the sync, and the projection usually after the sync. Reports each sync once, as soon as its fate is
 * known.
 */
export function followSyncs(report: (fate: SyncFate) => void): SyncFollower {
  const triggers = new Map<string, TriggerActivity>();
  const waiting = new Map<string, { fate: SyncFate; since: number }>();
  /** The newest projection of each dataset. */
  const projections = new Map<string, { syncCount: number; at: number }>();

  function seeSync(sync: SyncActivity & { at: string }, now: number): void {
    const made = triggers.get(sync.requestId);
    triggers.delete(sync.requestId);
    const trigger = made
      ? { outcome: made.outcome, reason: made.reason, records: made.records, recordCount: made.recordCount }
      : null;
    const fate: SyncFate = { ...sync, trigger, projectedAfterMs: null };
    const isPublished = PUBLISHED.has(sync.operation) && sync.error === null && sync.syncCount !== null;
    if (!isPublished) {
      report(fate);
      return;
    }
    const projection = projections.get(nameOf(sync));
    const isRecent = projection !== undefined && Date.parse(sync.at) - projection.at < SHORTLY_BEFORE_MS;
    if (isRecent && projection.syncCount >= (sync.syncCount ?? 0)) {
      report(projectedAt(fate, projection.at));
      return;
    }
    waiting.set(sync.requestId, { fate, since: now });
    const [oldest] = waiting.keys();
    if (waiting.size > MAX_REMEMBERED && oldest !== undefined) end(oldest);
  }

  function seeProjection({ datasets, at }: ProjectedActivity & { at: string }): void {
    const time = Date.parse(at);
    for (const dataset of datasets) {
      remember(projections, nameOf(dataset), {
        syncCount: dataset.syncCount ?? Number.POSITIVE_INFINITY,
        at: time,
      });
    }
    for (const [requestId, { fate }] of waiting) {
      const projection = projections.get(nameOf(fate));
      if (!projection || projection.syncCount < (fate.syncCount ?? 0)) continue;
      waiting.delete(requestId);
      report(projectedAt(fate, projection.at));
    }
  }

  function end(requestId: string, more: Pick<SyncFate, 'isCutOff'> = {}): void {
    const found = waiting.get(requestId);
    waiting.delete(requestId);
    if (found) report({ ...found.fate, ...more });
  }

  return {
    see(activity, now) {
      if (activity.kind === 'sync') seeSync(activity, now);
      else if (activity.kind === 'projected') seeProjection(activity);
      else if (activity.kind === 'trigger') remember(triggers, activity.requestId ?? '', activity);
    },
    giveUp(now) {
      for (const [requestId, { since }] of waiting) if (now - since >= WAIT_MS) end(requestId);
    },
    stop() {
      for (const requestId of waiting.keys()) end(requestId, { isCutOff: true });
    },
  };
}

function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
}

function projectedAt(fate: SyncFate, time: number): SyncFate {
  return { ...fate, projectedAfterMs: Math.max(0, time - Date.parse(fate.at)) };
}

function nameOf({
  identityPoolId,
  identityId,
  datasetName,
}: Pick<SyncActivity, 'identityPoolId' | 'identityId' | 'datasetName'>): string {
  return JSON.stringify([identityPoolId, identityId, datasetName]);
}
