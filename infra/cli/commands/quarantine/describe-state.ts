import type { QuarantinedEvent } from '../../../../lib/query/model.ts';

/** Returns the state of an event in quarantine: `waiting`, `projected` or `dismissed`. */
export function describeState({
  redrivenAt,
  isDismissed,
}: Pick<QuarantinedEvent, 'isDismissed'> & { redrivenAt: Date | string | null }): string {
  if (redrivenAt === null) return 'waiting';
  if (isDismissed === null) return 'projected or dismissed';
  return isDismissed ? 'dismissed' : 'projected';
}
