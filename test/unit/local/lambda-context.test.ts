import { expect, it } from 'vitest';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';

it.each([
  { functionName: 'sweep-query-store', timeoutMs: undefined, remainingMs: 300_000, memoryLimitInMB: '512' },
  { functionName: 'project-stream', timeoutMs: undefined, remainingMs: 60_000, memoryLimitInMB: '1024' },
  { functionName: 'sync-trigger', timeoutMs: 1_200, remainingMs: 1_200, memoryLimitInMB: '512' },
  { functionName: 'own-trigger', timeoutMs: undefined, remainingMs: 60_000, memoryLimitInMB: '1024' },
])(
  'the Lambda context gives $functionName $remainingMs ms and $memoryLimitInMB MB',
  ({ functionName, timeoutMs, ...expected }) => {
    const context = createLambdaContext(functionName, 'us-east-1', timeoutMs);
    const remainingMs = context.getRemainingTimeInMillis();
    expect(context).toMatchObject({ functionName, memoryLimitInMB: expected.memoryLimitInMB });
    expect(remainingMs).toBeLessThanOrEqual(expected.remainingMs);
    expect(remainingMs).toBeGreaterThan(expected.remainingMs - 1_000);
  },
);
