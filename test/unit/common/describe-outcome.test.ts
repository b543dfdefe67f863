import { describe, expect, it } from 'vitest';
import { describeState } from '../../../infra/cli/commands/quarantine/describe-state.ts';
import { describeOutcome } from '../../../lib/common/describe-outcome.ts';

describe('describeOutcome', () => {
  it.each([
    [false, 'projected'],
    [true, 'dismissed'],
    [null, 'projected or dismissed'],
  ])('of isDismissed %s is "%s", also in the list of the command line', (isDismissed, outcome) => {
    expect(describeOutcome({ isDismissed })).toBe(outcome);
    expect(describeState({ isDismissed, redrivenAt: new Date(0) })).toBe(outcome);
  });

  it('is not the state of an event that waits', () => {
    expect(describeState({ isDismissed: null, redrivenAt: null })).toBe('waiting');
  });
});
