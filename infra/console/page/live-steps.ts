import { cut, formatDuration, plural } from './format.ts';
import { firstOf, hasChanged, type LiveRow, requestOf } from './live-rows.ts';
import type { ShownActivity } from './model.ts';

/** A step of a sync on its way from the device to the rows. */
export interface Step {
  text: string;
  /** `quiet`: the step has not happened yet, or nothing had to be done. */
  state: 'good' | 'warn' | 'bad' | 'quiet';
}

/** What the sync trigger decided about a record. `key` is null for a decision about the whole update. */
export interface ShownDecision {
  key: string | null;
  decision: string;
  /** The path of the rule; null if no rule decided. */
  rule: string | null;
  reason: string | null;
}

/** How long a projection may take before the page says that it is missing. */
const PROJECTION_MS = 10_000;

/** The name of the function that evaluates the sync rules. */
const RULES_FUNCTION = 'sync-trigger';
const WRITING: readonly unknown[] = ['UpdateRecords', 'DeleteDataset'];

/** Returns when the service received the request of a row. The activity reports when it was answered. */
export function receivedAt(row: LiveRow): number {
  const request = requestOf(row);
  return (request?.at ?? row.at).getTime() - Number(request?.details.durationMs ?? 0);
}

/**
 * Returns the steps of a sync: received, decided by the sync trigger, stored, projected, pushed.
 * @param now epoch milliseconds
 */
export function stepsOf(row: LiveRow, now: number): Step[] {
  const pushes = row.activities.filter(({ kind }) => kind === 'push').length;
  return [
    { text: 'received', state: 'good' },
    ...decidedStep(row),
    ...storedStep(row),
    ...projectedStep(row, now),
    ...(pushes > 0 ? [{ text: `pushed to ${plural(pushes, 'device')}`, state: 'good' as const }] : []),
  ];
}

/** Whether the row is a sync whose change is expected in the rows soon. */
export function isWaiting(row: LiveRow, now: number): boolean {
  return isExpected(row) && firstOf(row, 'projected') === undefined && now - row.at.getTime() < PROJECTION_MS;
}

/** Returns the decisions of the sync trigger about the records of a sync that it did not accept as they were. */
export function decisionsOf(row: LiveRow): ShownDecision[] {
  const { records } = firstOf(row, 'trigger')?.details ?? {};
  return (Array.isArray(records) ? records : []).filter(({ decision }) => decision !== 'accepted');
}

function decidedStep(row: LiveRow): Step[] {
  const trigger = firstOf(row, 'trigger')?.details;
  if (trigger === undefined) return [];
  const { outcome, reason, functionName } = trigger;
  const who = functionName === RULES_FUNCTION ? 'rules' : `${functionName}`;
  const [first, ...others] = decisionsOf(row);
  const decided =
    first === undefined
      ? `${who}: ${outcome}${reason ? `, ${reason}` : ''}`
      : `${who}: ${first.key === null ? '' : `${cutKey(first.key)} `}${first.decision}`;
  const more = others.length > 0 ? `, and ${others.length} more` : '';
  const state = outcome === 'rejected' ? 'bad' : outcome === 'accepted' ? 'good' : 'warn';
  return [{ text: `${decided}${more}`, state }];
}

function storedStep(row: LiveRow): Step[] {
  const sync = firstOf(row, 'sync')?.details;
  if (sync === undefined) return [];
  const { error, operation, durationMs } = sync;
  const time = formatDuration(Number(durationMs ?? 0));
  if (isError(error)) return [{ text: `${error.code} after ${time}`, state: 'bad' }];
  if (!WRITING.includes(operation)) return [{ text: `done in ${time}`, state: 'good' }];
  if (!hasChanged(sync)) return [{ text: 'nothing to write', state: 'quiet' }];
  return [{ text: `stored in ${time}`, state: 'good' }];
}

function projectedStep(row: LiveRow, now: number): Step[] {
  const projected = firstOf(row, 'projected');
  if (projected !== undefined) {
    const { events, quarantined } = projected.details;
    const passed = formatDuration(Math.max(0, projected.at.getTime() - receivedAt(row)));
    if (Number(quarantined ?? 0) === 0) return [{ text: `projected after ${passed}`, state: 'good' }];
    // The batch does not say which of its events are in quarantine.
    const batch = `batch of ${plural(Number(events ?? 0), 'event')}`;
    return [{ text: `${batch} written after ${passed}, ${quarantined} in quarantine`, state: 'warn' }];
  }
  if (!isExpected(row)) return [];
  return isWaiting(row, now)
    ? [{ text: 'waiting for the projection', state: 'quiet' }]
    : [{ text: `not projected within ${formatDuration(PROJECTION_MS)}`, state: 'warn' }];
}

/** Whether the sync wrote a change, which the stream carries to the rows. */
function isExpected(row: LiveRow): boolean {
  const sync = firstOf(row, 'sync')?.details;
  return sync !== undefined && hasChanged(sync);
}

function isError(value: ShownActivity['details'][string]): value is { code: string; message: string } {
  return typeof value === 'object' && value !== null && 'code' in value;
}

function cutKey(key: string): string {
  return key.length > 40 ? `${cut(key, 40)}…` : key;
}
