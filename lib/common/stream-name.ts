import type { Environment } from './environment.ts';
import { SetupError } from './errors.ts';

/** Default stream that identity pools publish to. */
export const STREAM_NAME = 'cognito-sync';

/** Valid names of a stream. Source: Amazon Kinesis Data Streams API Reference, CreateStream. */
export const STREAM_NAME_PATTERN = '[a-zA-Z0-9_.-]+';
export const MAX_STREAM_NAME_LENGTH = 128;

export function isStreamName(text: string): boolean {
  return text.length <= MAX_STREAM_NAME_LENGTH && new RegExp(`^${STREAM_NAME_PATTERN}$`).test(text);
}

/**
 * Reads, from the environment, the name and the region of the stream that a function uses.
 *
 * @throws {SetupError} a variable is missing or invalid; the message names it
 */
export function readStream(env: Environment): { region: string; streamName: string } {
  const { AWS_REGION: region, STREAM_NAME: streamName } = env;
  if (!region) throw new SetupError('AWS_REGION is not set; set it to the region of the stream');
  if (!streamName || !isStreamName(streamName)) {
    throw new SetupError(`invalid STREAM_NAME "${streamName ?? ''}": use the name of the Kinesis stream`);
  }
  return { region, streamName };
}
