import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { PayloadPolicy } from '../common/function-settings.ts';
import { checkPayloadUrl, expiresAt } from '../stream/payload-url.ts';
import {
  type FetchPayload,
  PayloadRefusedError,
  PayloadUnavailableError,
} from '../stream/ports/fetch-payload.ts';
import { codeOf } from './get-bytes.ts';
import { getPayload } from './get-payload.ts';
import type { PayloadBucket } from './payload-bucket.ts';
import { createPublicLookup, type LookupAll } from './public-lookup.ts';

interface PayloadFetchOptions {
  policy: PayloadPolicy;
  /** The stack's own bucket of payloads, which is read with the credentials of this function; null without a bucket. */
  bucket?: Pick<PayloadBucket, 'readableUrl'> | null;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  sleep?: (ms: number) => Promise<unknown>;
  /** Returns a number from 0 up to, but not including, 1. */
  random?: () => number;
  lookup?: LookupAll;
  maxBytes?: number;
  /** Time limit of one attempt, from name resolution to the last byte. */
  timeoutMs?: number;
  attempts?: number;
}

/**
 * Maximum size of a payload. A dataset holds 1 MB, and each byte takes at most six bytes in JSON (`\u0001`). The
 * remaining 2 MB are for the other members of the payload. Parsing a hostile payload of this size takes 300 MB of
 * memory. A function with 1 GB has enough memory, because it parses one payload at a time.
 */
const MAX_BYTES = 8 * 1024 * 1024;
const TIMEOUT_MS = 5_000;
const ATTEMPTS = 3;
/** Pause before the second attempt. Each further pause is four times as long as the previous pause. */
const FIRST_PAUSE_MS = 100;

/**
 * The only status with which the stack's own bucket says that an object is gone. Any other error is due to permissions
 * or credentials, and no event may be skipped because of such an error. S3 answers 404 only to a role that has
 * `s3:ListBucket`, and 403 otherwise. Source: Amazon S3 API Reference, "GetObject", "Permissions".
 */
const GONE_FROM_OWN_BUCKET: ReadonlySet<number> = new Set([404]);

/** Idle connections close by themselves and do not keep the process alive, so the agents need no closing. */
const AGENT_OPTIONS = { keepAlive: true, timeout: 10_000 };

/**
 * Creates a function that fetches the payloads of offloaded events, which are too large for the stream. The function
 * connects only to S3 in the policy's regions, to the policy's `ownOrigin` and to the stack's own bucket, regardless of
 * the URL and of DNS responses. Transient failures are retried a few times after short pauses.
 */
export function createPayloadFetch({
  policy,
  bucket = null,
  now,
  sleep = delay,
  random = Math.random,
  lookup,
  maxBytes = MAX_BYTES,
  timeoutMs = TIMEOUT_MS,
  attempts = ATTEMPTS,
}: PayloadFetchOptions): FetchPayload {
  const s3Agent = new HttpsAgent({ ...AGENT_OPTIONS, lookup: createPublicLookup(lookup) });
  // These agents accept private addresses, because `ownOrigin`, and a VPC endpoint of S3, may have one.
  const ownAgents = { 'http:': new HttpAgent(AGENT_OPTIONS), 'https:': new HttpsAgent(AGENT_OPTIONS) };
  const ownAgentFor = ({ protocol }: URL) => ownAgents[protocol === 'http:' ? protocol : 'https:'];

  async function get(text: string): Promise<Uint8Array> {
    const own = await readableUrl(bucket, text);
    const limits = { maxBytes, timeoutMs };
    if (own !== null)
      return getPayload(own, { agent: ownAgentFor(own), gone: GONE_FROM_OWN_BUCKET, ...limits });
    const url = checkPayloadUrl(text, policy);
    return getPayload(url, {
      agent: url.origin === policy.ownOrigin ? ownAgentFor(url) : s3Agent,
      ...limits,
    });
  }

  return async (text) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await get(text);
      } catch (error) {
        if (!(error instanceof PayloadUnavailableError)) throw error;
        if (attempt >= attempts) throw hasExpired(text, now()) ? expired(error) : error;
      }
      await sleep(FIRST_PAUSE_MS * 4 ** (attempt - 1) * (0.5 + random()));
    }
  };
}

/** Calls `PayloadBucket.readableUrl`, and converts its error to a transient failure. */
async function readableUrl(
  bucket: Pick<PayloadBucket, 'readableUrl'> | null,
  text: string,
): Promise<URL | null> {
  try {
    return (await bucket?.readableUrl(text)) ?? null;
  } catch (error) {
    throw new PayloadUnavailableError(`the bucket of payloads cannot be read (${codeOf(error)})`);
  }
}

/**
 * Whether a presigned link has expired. A link without an expiry time counts as expired, because it does not come from
 * Cognito, whose links are presigned.
 */
function hasExpired(text: string, now: number): boolean {
  const time = expiresAt(new URL(text));
  return time === null || time <= now;
}

/**
 * Turns the failure to fetch an expired link into a permanent failure. Otherwise Lambda would retry the record for days
 * and block the record's shard.
 */
function expired({ message }: PayloadUnavailableError): PayloadRefusedError {
  return new PayloadRefusedError(
    `${message}, and the link has expired or has no expiry time; run \`reconcile\` for the pool`,
  );
}
