import { STREAM_NAME } from '../../lib/common/stream-name.ts';

/** The names of the local cloud's resources. The account id in their ARNs consists of zeros. */
export const ACCOUNT_ID = '000000000000';
export { STREAM_NAME };
export const SYNC_TRIGGER_NAME = 'sync-trigger';

/** Returns the id of the identity pool that every local cloud has. */
export function firstPoolId(region: string): string {
  return `${region}:00000000-0000-4000-8000-000000000001`;
}

export function streamArn(region: string): string {
  return `arn:aws:kinesis:${region}:${ACCOUNT_ID}:stream/${STREAM_NAME}`;
}

export function functionArn(region: string, functionName: string): string {
  return `arn:aws:lambda:${region}:${ACCOUNT_ID}:function:${functionName}`;
}
