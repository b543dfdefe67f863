import { resolve } from 'node:path';
import { type Environment, isRegion } from './environment.ts';
import { SetupError } from './errors.ts';
import { regionOfId } from './identity-id.ts';

/** Where payloads may be fetched from. */
export interface PayloadPolicy {
  /** Regions whose S3 endpoints are allowed, such as `us-east-1`. */
  regions: readonly string[];
  /**
   * An additional origin in the form of `URL.origin`, such as `http://127.0.0.1:4580`: the origin from which the local
   * cloud serves payloads. Null if no origin is added.
   */
  ownOrigin: string | null;
}

/**
 * Reads from where the payloads of offloaded events, which are too large for the stream, may be fetched. S3 is allowed
 * in the regions of PAYLOAD_REGIONS, or if that is not set, in AWS_REGION. If PAYLOAD_ORIGIN is set, that origin is
 * allowed as well.
 *
 * @throws {SetupError} a variable is missing or invalid; the message names it
 */
export function readPayloadPolicy(env: Environment): PayloadPolicy {
  const name = env.PAYLOAD_REGIONS ? 'PAYLOAD_REGIONS' : 'AWS_REGION';
  const value = env[name];
  if (!value) {
    throw new SetupError(
      'neither PAYLOAD_REGIONS nor AWS_REGION is set; set PAYLOAD_REGIONS to the regions of the payloads, separated by commas',
    );
  }
  const regions = value.split(',').map((region) => region.trim());
  const invalid = regions.find((region) => !isRegion(region));
  if (invalid !== undefined) {
    throw new SetupError(
      `invalid ${name} "${value}": "${invalid}" is not a region name; use names such as us-east-1`,
    );
  }
  return { regions, ownOrigin: env.PAYLOAD_ORIGIN ? readOrigin('PAYLOAD_ORIGIN', env.PAYLOAD_ORIGIN) : null };
}

/** The bucket in which the service stores the payloads of offloaded events. */
export interface PayloadBucketAddress {
  /** Without dots, so that the name can be part of a host name. */
  bucket: string;
  /** The bucket's region. */
  region: string;
  /** The origin of a stand-in for S3, such as `http://127.0.0.1:9000`; null for S3 itself. */
  endpoint: string | null;
}

/**
 * Reads PAYLOAD_BUCKET, the bucket in which the stack's service stores the payloads of events that are too large for
 * the stream. The bucket is in AWS_REGION. AWS_ENDPOINT_URL_S3 selects a stand-in for S3, as it does for AWS's own
 * tools.
 *
 * @returns null if PAYLOAD_BUCKET is not set: the service serves the payloads itself
 * @throws {SetupError} a variable is missing or invalid; the message names it
 */
export function readPayloadBucket(env: Environment): PayloadBucketAddress | null {
  const { PAYLOAD_BUCKET: bucket, AWS_REGION: region, AWS_ENDPOINT_URL_S3: endpoint } = env;
  if (!bucket) return null;
  if (!/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw new SetupError(`invalid PAYLOAD_BUCKET "${bucket}": use the name of a bucket without dots`);
  }
  if (!region || !isRegion(region)) {
    throw new SetupError(
      "PAYLOAD_BUCKET is set, but AWS_REGION is not a region name; set AWS_REGION to the bucket's region",
    );
  }
  return { bucket, region, endpoint: endpoint ? readOrigin('AWS_ENDPOINT_URL_S3', endpoint) : null };
}

function readOrigin(name: string, value: string): string {
  const url = URL.parse(value);
  // An origin may end with a slash. Anything more makes the value a URL that may contain secrets, so the error does not
  // quote the value.
  if (!url || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
    throw new SetupError(`invalid ${name}: use an http or https origin such as http://127.0.0.1:4580`);
  }
  return url.origin;
}

/**
 * When bulk publishes, which write all datasets of a pool to its stream, start automatically: never, once for a pool
 * that was never published, or at an interval in days.
 */
export type PublishPolicy = { kind: 'off' } | { kind: 'first' } | { kind: 'every'; days: number };

/**
 * Reads PARALLELIZATION_FACTOR, the number of batches of one shard that Lambda processes concurrently. Default 1.
 *
 * @throws {SetupError} the value is not from 1 to 10
 */
export function readParallelizationFactor(env: Environment): number {
  const value = env.PARALLELIZATION_FACTOR || '1';
  if (!/^([1-9]|10)$/.test(value)) {
    throw new SetupError(
      `invalid PARALLELIZATION_FACTOR "${value}": use the event source mapping's value, a whole number from 1 to 10`,
    );
  }
  return Number(value);
}

/**
 * Reads the comma-separated identity pool ids in IDENTITY_POOL_IDS.
 *
 * @returns null if the variable is not set, which means all pools
 * @throws {SetupError} the list is invalid; the message names every problem
 */
export function readIdentityPoolIds({
  IDENTITY_POOL_IDS: value,
  AWS_REGION: region,
}: Environment): string[] | null {
  if (!value?.trim()) return null;
  const ids = value.split(',').map((id) => id.trim());
  const problems = ids.flatMap((id, index) => {
    if (id === '') return ['an id is missing before or after a comma'];
    const poolRegion = regionOfId(id);
    if (poolRegion === null) return [`"${id}" is not an identity pool id`];
    if (region && poolRegion !== region) return [`"${id}" is not in the region ${region}`];
    return ids.indexOf(id) < index ? [`"${id}" is listed twice`] : [];
  });
  if (problems.length > 0)
    throw new SetupError(`invalid IDENTITY_POOL_IDS: ${[...new Set(problems)].join(', ')}`);
  return ids;
}

/**
 * Reads FAILURE_DESTINATION, to which the event source mapping writes the batches that it discards:
 * `s3://bucket/prefix`, or a directory. If FAILURE_DESTINATION is not set, reads its former name, FAILURES.
 *
 * @returns the S3 address, the directory's absolute path, or null if neither variable is set
 * @throws {SetupError} the value is an S3 address without a bucket
 */
export function readFailureDestination({ FAILURE_DESTINATION, FAILURES }: Environment): string | null {
  const value = FAILURE_DESTINATION || FAILURES;
  if (!value) return null;
  if (!value.startsWith('s3:')) return resolve(value);
  if (!/^s3:\/\/[a-z0-9][a-z0-9.-]+(\/|$)/.test(value)) {
    throw new SetupError(
      `invalid FAILURE_DESTINATION "${value}": the bucket is missing; use s3://bucket/prefix or a directory`,
    );
  }
  return value;
}

/** Reads BULK_PUBLISH_POLICY, by default off. @throws {SetupError} the policy is invalid */
export function readPublishPolicy({ BULK_PUBLISH_POLICY: value }: Environment): PublishPolicy {
  if (!value || value === 'off') return { kind: 'off' };
  if (value === 'first') return { kind: 'first' };
  const days = Number(/^every ([1-9]\d{0,2}) days?$/.exec(value)?.[1]);
  if (Number.isNaN(days)) {
    throw new SetupError(`invalid BULK_PUBLISH_POLICY "${value}": use "off", "first" or e.g. "every 7 days"`);
  }
  return { kind: 'every', days };
}
