import mapping from '../project-stream-mapping.json' with { type: 'json' };
import { keyMistakes } from './database-parameters.ts';
import { partitionMistakes } from './mistakes.ts';

/** The parameters of the stream; an empty string counts as not given. */
export interface StreamParameters {
  streamArn: string;
  streamKey: string;
  streamMode: string;
  streamRetentionHours: string;
  batchWindow: string;
}

export const NO_STREAM: StreamParameters = {
  streamArn: '',
  streamKey: '',
  streamMode: '',
  streamRetentionHours: '',
  batchWindow: '',
};

/** The values that serverless.yml needs for the stream. */
export interface StreamDeployment {
  /** `existing`: the functions use the stream in `streamArn`, and the stack creates no stream. */
  stream: 'own' | 'existing';
  streamArn: string;
  streamName: string;
  /** The KMS key of the stream, and Kinesis as the service that uses the key. */
  streamKey: string;
  streamKeyService: string;
  /** `yes` if a key of the user encrypts the stream. */
  usesStreamKey: 'yes' | 'no';
  streamMode: 'on-demand' | 'provisioned' | 'existing';
  streamRetentionHours: number;
  /** How long Lambda retries a record, in seconds: until an hour before the stream discards the record. */
  maximumRecordAgeInSeconds: number;
  /** How long Lambda collects events for a batch, in seconds. */
  batchWindow: number;
}

const STREAM = /^arn:[\w-]+:kinesis:([a-z0-9-]+):\d{12}:stream\/([\w.-]{1,128})$/;
/** Seven days. They outlast a weekend with a broken database. */
const DEFAULT_RETENTION_HOURS = 168;
/** The shortest retention that Kinesis allows. Source: Amazon Kinesis Data Streams API Reference, CreateStream. */
const MIN_RETENTION_HOURS = 24;
/** Seconds. Source: AWS Lambda API Reference, MaximumBatchingWindowInSeconds. */
const MAX_BATCH_WINDOW = 300;

/** Checks the parameters of the stream. @returns the problems, each one line that starts with the parameter's name */
export function checkStream(given: StreamParameters, region: string): string[] {
  const { streamArn, streamMode, streamRetentionHours: hours, batchWindow } = given;
  return [
    ...(streamArn === '' ? [] : arnMistakes(given, region)),
    ...streamKeyMistakes(given, region),
    ...(['', 'on-demand', 'provisioned'].includes(streamMode)
      ? []
      : [`streamMode: invalid value "${streamMode}"; use on-demand or provisioned`]),
    ...(hours === '' || isRetention(hours)
      ? []
      : [
          `streamRetentionHours: invalid value "${hours}"; use a whole number from ${MIN_RETENTION_HOURS} to ${DEFAULT_RETENTION_HOURS}`,
        ]),
    ...(batchWindow === '' || (/^\d{1,3}$/.test(batchWindow) && Number(batchWindow) <= MAX_BATCH_WINDOW)
      ? []
      : [
          `batchWindow: invalid value "${batchWindow}"; use a whole number of seconds from 0 to ${MAX_BATCH_WINDOW}`,
        ]),
  ];
}

/** Checks the parameter `name`, the ARN of a stream in the region of the stack. */
export function streamArnMistakes(name: string, arn: string, region: string): string[] {
  const streamRegion = STREAM.exec(arn)?.[1];
  if (streamRegion === undefined) return [`${name}: "${arn}" is not the ARN of a Kinesis stream`];
  if (streamRegion === region) return partitionMistakes(name, arn, region);
  return [
    `${name}: the stream is in ${streamRegion}, but the stack is in ${region}; use a stream in the region of the stack`,
  ];
}

/** Returns the name in the ARN of a stream; an empty text if it is not such an ARN. */
export function streamNameOf(arn: string): string {
  return STREAM.exec(arn)?.[2] ?? '';
}

function arnMistakes({ streamArn, streamMode }: StreamParameters, region: string): string[] {
  const mistakes = streamArnMistakes('streamArn', streamArn, region);
  if (mistakes.length > 0) return mistakes;
  return [
    ...(streamMode === ''
      ? []
      : ['streamMode: the stack does not change the stream in streamArn; remove streamMode or streamArn']),
  ];
}

function streamKeyMistakes({ streamArn, streamKey }: StreamParameters, region: string): string[] {
  if (streamKey === '') return [];
  if (streamArn === '') {
    return ["streamKey: the stack's own stream uses Amazon's key; remove streamKey, or pass streamArn"];
  }
  return keyMistakes('streamKey', streamKey, { what: 'the stream', region });
}

function isRetention(text: string): boolean {
  const hours = Number(text);
  return /^\d{2,3}$/.test(text) && hours >= MIN_RETENTION_HOURS && hours <= DEFAULT_RETENTION_HOURS;
}

/** Converts the parameters to the values that serverless.yml needs. @param given parameters without problems */
export function toStreamDeployment(
  { streamArn, streamKey, streamMode, streamRetentionHours, batchWindow }: StreamParameters,
  region: string,
): StreamDeployment {
  const hours = streamRetentionHours === '' ? DEFAULT_RETENTION_HOURS : Number(streamRetentionHours);
  const ownMode = streamMode === 'provisioned' ? 'provisioned' : 'on-demand';
  return {
    stream: streamArn === '' ? 'own' : 'existing',
    streamArn,
    streamName: streamNameOf(streamArn),
    streamKey,
    // Source: AWS KMS Developer Guide, kms:ViaService.
    streamKeyService: `kinesis.${region}.amazonaws.com`,
    usesStreamKey: streamKey === '' ? 'no' : 'yes',
    streamMode: streamArn === '' ? ownMode : 'existing',
    streamRetentionHours: hours,
    maximumRecordAgeInSeconds: (hours - 1) * 3600,
    batchWindow: batchWindow === '' ? mapping.batchWindow : Number(batchWindow),
  };
}
