import { formatDuration, plural } from './format.ts';
import type { ActivityKind } from './model.ts';

type Details = Readonly<Record<string, unknown>>;

/**
 * Describes an activity in one line.
 * @param details the data of the event; `/query/activity` documents its members
 */
export function summarize(kind: ActivityKind, details: Details): string {
  return SUMMARIES[kind](details);
}

const SUMMARIES: Readonly<Record<ActivityKind, (details: Details) => string>> = {
  sync({ operation, datasetName, records, syncCount, durationMs, error }) {
    const what = [text(operation), text(datasetName)].filter(Boolean).join(' ');
    if (isObject(error)) return `${what}: ${text(error.code)}, ${text(error.message)}`;
    const count = syncCount === null ? '' : `, sync count ${text(syncCount)}`;
    return `${what}: ${plural(Number(records ?? 0), 'record')}${count}, ${formatDuration(Number(durationMs ?? 0))}`;
  },
  trigger({ datasetName, outcome, reason, records, recordCount }) {
    const all = Array.isArray(records) ? records.filter(isObject) : [];
    const [first, ...others] = all.filter(({ decision }) => decision !== 'accepted');
    // `changed` says less than the decisions that follow it.
    const what = outcome === 'changed' ? text(datasetName) : `${text(datasetName)} ${text(outcome)}`;
    // If a rule rejected the update, its decision contains the reason.
    if (!first) return `${what}: ${text(reason) || plural(Number(recordCount ?? all.length), 'record')}`;
    return `${what}: ${describeDecision(first)}${others.length > 0 ? `, and ${others.length} more` : ''}`;
  },
  projected(details) {
    const { events, records, recordsChanged, quarantined, batchMs, lagMs } = details;
    const stale = Number(records ?? 0) - Number(recordsChanged ?? 0);
    const { datasetName } = datasetOf(details);
    const of = datasetName === undefined ? '' : ` of ${text(datasetName)}`;
    return [
      `${plural(Number(events ?? 0), 'event')}${of}: ${plural(Number(recordsChanged ?? 0), 'row')} written`,
      ...(stale > 0 ? [`${stale} stale`] : []),
      ...(Number(quarantined ?? 0) > 0 ? [`${text(quarantined)} in quarantine`] : []),
      `${formatDuration(Number(batchMs ?? 0))} to project`,
      `${formatDuration(Number(lagMs ?? 0))} after arrival`,
    ].join(', ');
  },
  push({ deviceId, platform, datasetName, syncCount }) {
    return `${text(platform)} to the device ${text(deviceId)}: ${text(datasetName)} has the sync count ${text(syncCount)}`;
  },
};

/** Returns the dataset that an activity is about; an empty object for a batch with events of several datasets. */
export function datasetOf(details: Details): Details {
  const { datasets, events } = details;
  if (!Array.isArray(datasets)) return details;
  const [first, ...others] = datasets.filter(isObject);
  const isOnly = first && events === datasets.length && others.every((other) => isSame(first, other));
  return isOnly ? first : {};
}

function isSame(one: Details, other: Details): boolean {
  return (['identityPoolId', 'identityId', 'datasetName'] as const).every(
    (name) => one[name] === other[name],
  );
}

function describeDecision({ key, decision, rule, reason }: Details): string {
  const what = key === null ? text(decision) : `${text(key)} ${text(decision)}`;
  return `${what}${rule ? ` by ${text(rule)}` : ''}${reason ? ` (${text(reason)})` : ''}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function text(value: unknown): string {
  return value === null || value === undefined ? '' : String(value);
}
