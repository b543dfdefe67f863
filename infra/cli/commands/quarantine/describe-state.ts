import { describeOutcome } from '../../../../lib/common/describe-outcome.ts';
import type { QuarantinedEvent } from '../../../../lib/query/model.ts';

/** Returns the state of an event in quarantine: `waiting`, `projected`, `dismissed`, or `projected or dismissed`. */
export function describeState(
  event: Pick<QuarantinedEvent, 'isDismissed'> & { redrivenAt: Date | string | null },
): string {
  return event.redrivenAt === null ? 'waiting' : describeOutcome(event);
}
