/**
 * Returns what became of an event that no longer waits in quarantine: `projected`, `dismissed`, or `projected or
 * dismissed` if the query store did not keep the outcome.
 * @param isDismissed as in `QuarantinedEvent`
 */
export function describeOutcome({ isDismissed }: { isDismissed: boolean | null }): string {
  if (isDismissed === null) return 'projected or dismissed';
  return isDismissed ? 'dismissed' : 'projected';
}
