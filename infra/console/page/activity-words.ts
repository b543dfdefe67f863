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
  projected({ events, records, recordsChanged, quarantined, batchMs, lagMs }) {
    const stale = Number(records ?? 0) - Number(recordsChanged ?? 0);
    return [
      `${plural(Number(events ?? 0), 'event')}: ${plural(Number(recordsChanged ?? 0), 'row')} written`,
      ...(stale > 0 ? [`${stale} stale`] : []),
      ...(Number(quarantined ?? 0) > 0 ? [`${text(quarantined)} in quarantine`] : []),
      `${formatDuration(Number(batchMs ?? 0))}, ${formatDuration(Number(lagMs ?? 0))} after arrival`,
    ].join(', ');
  },
  push({ deviceId, platform, datasetName, syncCount }) {
    return `${text(platform)} to the device ${text(deviceId)}: ${text(datasetName)} has the sync count ${text(syncCount)}`;
  },
};

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
