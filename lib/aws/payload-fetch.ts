import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { PayloadPolicy } from '../common/function-settings.ts';
import {
  checkPayloadUrl,
  expiresAt,
  type FetchPayload,
  PayloadRefusedError,
  PayloadUnavailableError,
} from '../stream/payload.ts';
import { getPayload } from './get-payload.ts';
import { createPublicLookup, type LookupAll } from './public-lookup.ts';

interface PayloadFetchOptions {
  policy: PayloadPolicy;
  /** Epoch milliseconds. */
  now: () => number;
  sleep?: (ms: number) => Promise<unknown>;
  /** At least 0, below 1. */
  random?: () => number;
  lookup?: LookupAll;
  maxBytes?: number;
  /** For one attempt, from the name to the last byte. */
  timeoutMs?: number;
  attempts?: number;
}

/**
 * A dataset holds 1 MB, and a byte takes six in JSON at worst (`\u0001`); the rest is for the members around it. A
 * hostile payload of this size takes 300 MB to parse, which a function of 1 GB has once.
 */
const MAX_BYTES = 8 * 1024 * 1024;
const TIMEOUT_MS = 5_000;
const ATTEMPTS = 3;
/** Before the second attempt; four times as long before each that follows. */
const FIRST_PAUSE_MS = 100;

/** Connections that lie idle end by themselves, and none of them keeps the process alive: there is nothing to close. */
const AGENT_OPTIONS = { keepAlive: true, timeout: 10_000 };

/**
 * Fetches what lies behind the URLs of offloaded events: from S3 of the policy's regions and from our own origin, and
 * from nowhere else, whatever the URL or the DNS says. What can pass is tried again, a few times and soon.
 */
export function createPayloadFetch({
  policy,
  now,
  sleep = delay,
  random = Math.random,
  lookup,
  maxBytes = MAX_BYTES,
  timeoutMs = TIMEOUT_MS,
  attempts = ATTEMPTS,
}: PayloadFetchOptions): FetchPayload {
  const s3Agent = new HttpsAgent({ ...AGENT_OPTIONS, lookup: createPublicLookup(lookup) });
  // Ours may have a private address.
  const ownAgent = policy.ownOrigin?.startsWith('http:')
    ? new HttpAgent(AGENT_OPTIONS)
    : new HttpsAgent(AGENT_OPTIONS);

  return async (text) => {
    const url = checkPayloadUrl(text, policy);
    const agent = url.origin === policy.ownOrigin ? ownAgent : s3Agent;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await getPayload(url, { agent, maxBytes, timeoutMs });
      } catch (error) {
        if (!(error instanceof PayloadUnavailableError)) throw error;
        if (attempt >= attempts) throw hasExpired(url, now()) ? expired(error) : error;
      }
      await sleep(FIRST_PAUSE_MS * 4 ** (attempt - 1) * (0.5 + random()));
    }
  };
}

/** One that does not say when it expires is no link of Cognito's, which are presigned: nobody knows how long to wait. */
function hasExpired(url: URL, now: number): boolean {
  const time = expiresAt(url);
  return time === null || time <= now;
}

/** Without an end to it, a link that nobody answers any more would hold up its shard for days. */
function expired({ message }: PayloadUnavailableError): PayloadRefusedError {
  return new PayloadRefusedError(
    `${message}, and the link has expired or does not say when it does; repair the dataset from ListRecords`,
  );
}
