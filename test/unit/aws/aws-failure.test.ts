import { LimitExceededException, TooManyRequestsException } from '@aws-sdk/client-cognito-sync';
import { describe, expect, it } from 'vitest';
import { toAwsFailure } from '../../../lib/aws/aws-failure.ts';

describe('a failure of a call to AWS', () => {
  const about = { message: 'full', $metadata: { httpStatusCode: 400 } };

  it('has the condition "limit" for LimitExceededException on a write, and "throttled" on a read', () => {
    const full = new LimitExceededException(about);
    expect(toAwsFailure(full, 'write')).toEqual({
      condition: 'limit',
      message: 'LimitExceededException: full',
    });
    expect(toAwsFailure(full, 'read').condition).toBe('throttled');
    expect(toAwsFailure(new TooManyRequestsException(about), 'write').condition).toBe('throttled');
  });
});
