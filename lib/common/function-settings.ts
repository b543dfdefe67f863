import { resolve } from 'node:path';
import { type Environment, isRegion } from './environment.ts';
import { SetupError } from './errors.ts';

/** From where payloads may be fetched. */
export interface PayloadPolicy {
  /** The regions whose S3 may be asked, such as `us-east-1`. */
  regions: readonly string[];
  /** One more origin, as `URL.origin` spells it, such as `http://127.0.0.1:4580`: the local cloud's own objects. */
  ownOrigin: string | null;
}

/**
 * From where offloaded payloads may be fetched: S3 of the regions in PAYLOAD_REGIONS, else of AWS_REGION, and the origin
 * in PAYLOAD_ORIGIN, if any.
 *
 * @throws {SetupError} naming the variable that is missing or wrong
 */
export function readPayloadPolicy(env: Environment): PayloadPolicy {
  const name = env.PAYLOAD_REGIONS ? 'PAYLOAD_REGIONS' : 'AWS_REGION';
  const value = env[name];
  if (!value) {
    throw new SetupError(
      'neither PAYLOAD_REGIONS nor AWS_REGION is set; use the regions that payloads lie in, separated by commas',
    );
  }
  const regions = value.split(',').map((region) => region.trim());
  const wrong = regions.find((region) => !isRegion(region));
  if (wrong !== undefined) {
    throw new SetupError(
      `${name}=${value}: "${wrong}" is not the name of a region; one looks like us-east-1`,
    );
  }
  return { regions, ownOrigin: env.PAYLOAD_ORIGIN ? readOrigin(env.PAYLOAD_ORIGIN) : null };
}

function readOrigin(value: string): string {
  const url = URL.parse(value);
  // An origin is written with a slash at its end or without; anything more makes it a URL, with secrets perhaps.
  if (!url || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
    throw new SetupError(
      'PAYLOAD_ORIGIN is not an origin of http or https; one looks like http://127.0.0.1:4580',
    );
  }
  return url.origin;
}

/** When a bulk publish is started without being asked for. */
export type PublishPolicy = { kind: 'off' } | { kind: 'first' } | { kind: 'every'; days: number };

/** How many batches of one shard the function is given at the same time. @throws {SetupError} */
export function readParallelizationFactor(env: Environment): number {
  const value = env.PARALLELIZATION_FACTOR || '1';
  if (!/^([1-9]|10)$/.test(value)) {
    throw new SetupError(
      `PARALLELIZATION_FACTOR=${value} is not one; it is the event source mapping's, from 1 to 10`,
    );
  }
  return Number(value);
}

/** The identity pool's id, in the form that the API takes. Source: Amazon Cognito Sync API Reference. */
const IDENTITY_POOL_ID = /^(?=.{1,55}$)([\w-]+):[0-9a-f-]+$/;

/**
 * The pools in IDENTITY_POOL_IDS, separated by commas.
 *
 * @returns null where it is not set: all pools are meant
 * @throws {SetupError} naming all that is wrong with it
 */
export function readIdentityPoolIds({
  IDENTITY_POOL_IDS: value,
  AWS_REGION: region,
}: Environment): string[] | null {
  if (!value?.trim()) return null;
  const ids = value.split(',').map((id) => id.trim());
  const mistakes = ids.flatMap((id, index) => {
    if (id === '') return ['there is nothing before or after a comma'];
    const itsRegion = IDENTITY_POOL_ID.exec(id)?.[1];
    if (itsRegion === undefined) return [`"${id}" is not the id of an identity pool`];
    if (region && itsRegion !== region) return [`"${id}" is not in the region ${region}`];
    return ids.indexOf(id) < index ? [`"${id}" is there twice`] : [];
  });
  if (mistakes.length > 0) throw new SetupError(`IDENTITY_POOL_IDS: ${[...new Set(mistakes)].join(', ')}`);
  return ids;
}

/**
 * Where an event source mapping puts what it gives up: `s3://bucket/prefix`, or the absolute path of a directory.
 *
 * @returns null where FAILURES is not set
 * @throws {SetupError} it is an address of S3 without a bucket
 */
export function readFailures({ FAILURES: value }: Environment): string | null {
  if (!value) return null;
  if (!value.startsWith('s3:')) return resolve(value);
  if (!/^s3:\/\/[a-z0-9][a-z0-9.-]+(\/|$)/.test(value)) {
    throw new SetupError(
      `FAILURES=${value} names no bucket; it looks like s3://bucket/prefix, or is a directory`,
    );
  }
  return value;
}

/** When bulk publishes are started without being asked for. @throws {SetupError} BULK_PUBLISH_POLICY is none */
export function readPublishPolicy({ BULK_PUBLISH_POLICY: value }: Environment): PublishPolicy {
  if (!value || value === 'off') return { kind: 'off' };
  if (value === 'first') return { kind: 'first' };
  const days = Number(/^every ([1-9]\d{0,2}) days?$/.exec(value)?.[1]);
  if (Number.isNaN(days)) {
    throw new SetupError(`BULK_PUBLISH_POLICY=${value} is none; use off, first, or one such as every 7 days`);
  }
  return { kind: 'every', days };
}
