import { SetupError } from '../../../../lib/common/errors.ts';
import { type RedriveOutcome, redriveQuarantine } from '../../../../lib/projection/redrive.ts';
import { createQuarantineStore } from '../../../../lib/projection/store/quarantine-store.ts';
import { createQueryStore } from '../../../../lib/projection/store/query-store.ts';
import type { CommandDeps } from '../../command.ts';
import { count } from '../../terminal/format.ts';
import { printJson } from '../../terminal/print-json.ts';
import { skipSilentOrigins } from './skip-silent-origins.ts';

/**
 * Projects all events in quarantine again and prints the result.
 *
 * @param isDismissing whether to dismiss the events that cannot be projected in their current form. Bulk publishes do
 *   not wait for dismissed events
 * @throws {SetupError} a payload was unavailable; the command must run again
 */
export async function redriveAll(
  deps: CommandDeps,
  { isDismissing, asJson }: { isDismissing: boolean; asJson: boolean },
): Promise<void> {
  const outcome = await redriveQuarantine({ ...toRedriveDeps(deps), isDismissing });
  const refused = countRefused(outcome);
  if (asJson) {
    printJson(deps.print, { quarantine: { ...toJson(outcome), dismissed: isDismissing ? refused : 0 } });
  } else {
    deps.print(`quarantine: ${describe(outcome)}`);
    if (refused > 0) deps.print(isDismissing ? describeDismissed(refused) : DISMISS_HINT);
  }
  requireNothingLeft({ objects: 0, failed: 0, unavailable: outcome.unavailable });
}

const DISMISS_HINT =
  'If these events cannot be repaired, run `redrive --dismiss`; bulk publishes then no longer wait for them.';

export function describeDismissed(events: number): string {
  return `Dismissed: ${count(events, 'event')}. They stay in query.quarantine for seven more days.`;
}

/** What a redrive could not do. */
export interface Left {
  objects: number;
  /**
   * Number of objects that could not be redriven: the object could not be read, or contains a value that no table can
   * store.
   */
  failed: number;
  /** Number of events whose payload was temporarily unavailable. */
  unavailable: number;
}

/** @throws {SetupError} an object failed, or the payload of an event was unavailable; the command must run again */
export function requireNothingLeft({ objects, failed, unavailable }: Left): void {
  const events = unavailable === 1 ? '1 event was' : `${unavailable} events were`;
  const left = [
    ...(failed > 0 ? [`${failed} of ${objects} objects failed`] : []),
    ...(unavailable > 0 ? [`${events} temporarily unavailable; run this command again later`] : []),
  ];
  if (left.length > 0) throw new SetupError(left.join(', '));
}

export function toRedriveDeps({ database, projection, fetchPayload, now }: CommandDeps) {
  return {
    store: { ...createQueryStore(projection), ...createQuarantineStore(database) },
    fetchPayload: skipSilentOrigins(fetchPayload, now),
  };
}

export function toJson({ projected, unavailable, refused }: RedriveOutcome) {
  return { projected, unavailable, refused: Object.fromEntries(refused) };
}

export function describe({ projected, unavailable, refused }: RedriveOutcome): string {
  const reasons = Array.from(refused, ([word, events]) => `${events} ${word}`).join(', ');
  return [
    `${projected} projected`,
    `${countRefused({ refused })} cannot be projected as they are${reasons && ` (${reasons}; see docs/query.md)`}`,
    ...(unavailable > 0 ? [`${unavailable} temporarily unavailable: try again later`] : []),
  ].join(', ');
}

function countRefused({ refused }: Pick<RedriveOutcome, 'refused'>): number {
  return [...refused.values()].reduce((sum, events) => sum + events, 0);
}
