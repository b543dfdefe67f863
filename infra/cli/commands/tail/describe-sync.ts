import { toSafeLine } from '../../../../lib/common/text.ts';
import { count } from '../../terminal/format.ts';
import { cutTo } from '../../terminal/terminal-text.ts';
import type { SyncFate } from './follow-syncs.ts';

/** Maximum number of decisions that a line names. Further decisions are only counted. */
const MAX_NAMED = 3;
const MAX_KEY_LENGTH = 40;

/** Describes a sync in one line: time, identity, dataset, what the device asked for, and what became of it. */
export function describeSync(fate: SyncFate): string {
  const { at, operation, identityId, datasetName, records, syncCount, durationMs } = fate;
  const parts = [
    at.slice(11, 23),
    identityId ?? '-',
    datasetName ?? '-',
    operation,
    ...(operation === 'UpdateRecords' ? [count(records, 'record')] : []),
    ...(syncCount === null ? [] : [`sync count ${syncCount}`]),
    `${durationMs} ms`,
    becameOf(fate),
  ];
  return toSafeLine(parts.join('  '));
}

function becameOf(fate: SyncFate): string {
  const { error, trigger, projectedAfterMs } = fate;
  const decided = describeDecisions(trigger);
  if (error !== null) {
    // After the trigger has decided, a conflict can still reject the sync.
    const isByTrigger = trigger?.outcome === 'rejected' && decided !== '';
    return `rejected: ${isByTrigger ? decided : `${error.code}: ${error.message}`}`;
  }
  return [...(decided ? [decided] : []), describeProjection(fate, projectedAfterMs)].join('; ');
}

function describeProjection(
  { operation, syncCount, isCutOff }: SyncFate,
  projectedAfterMs: number | null,
): string {
  if (projectedAfterMs !== null) return `projected after ${projectedAfterMs} ms`;
  if (operation !== 'UpdateRecords' && operation !== 'DeleteDataset') return 'done';
  if (syncCount === null) return 'nothing written';
  if (isCutOff) return 'the local cloud stopped before it reported the projection';
  return 'not projected within 10 s; does the pool stream to Kinesis?';
}

/** Names the decisions other than "accepted". */
function describeDecisions(trigger: SyncFate['trigger']): string {
  if (trigger === null) return '';
  const decided = trigger.records.filter(({ decision }) => decision !== 'accepted');
  if (decided.length === 0) return trigger.reason ?? '';
  const named = decided.slice(0, MAX_NAMED).map(({ key, decision, rule, reason }) => {
    const about = key === null ? '' : `${cutTo(MAX_KEY_LENGTH, key)} `;
    return `${about}${decision}${rule === null ? '' : ` by ${rule}`}${reason === null ? '' : ` (${reason})`}`;
  });
  const others = decided.length - named.length;
  return others > 0 ? `${named.join(', ')} and ${others} more` : named.join(', ');
}
