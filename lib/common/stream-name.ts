import type { Environment } from './environment.ts';
import { SetupError } from './errors.ts';

/** The stream that identity pools are published to unless told otherwise. */
export const STREAM_NAME = 'cognito-sync';

/** What a stream can be called. Source: Amazon Kinesis Data Streams API Reference, CreateStream. */
export const STREAM_NAME_PATTERN = '[a-zA-Z0-9_.-]+';
export const MAX_STREAM_NAME_LENGTH = 128;

export function isStreamName(text: string): boolean {
  return text.length <= MAX_STREAM_NAME_LENGTH && new RegExp(`^${STREAM_NAME_PATTERN}$`).test(text);
}

/** The stream that a function writes to, or follows. @throws {SetupError} naming the variable that is missing or wrong */
export function readStream(env: Environment): { region: string; streamName: string } {
  const { AWS_REGION: region, STREAM_NAME: streamName } = env;
  if (!region) throw new SetupError('AWS_REGION is not set; it is the region of the stream');
  if (!streamName || !isStreamName(streamName)) {
    throw new SetupError(
      `STREAM_NAME=${streamName ?? ''} is not the name of a stream; use the Kinesis stream's`,
    );
  }
  return { region, streamName };
}
