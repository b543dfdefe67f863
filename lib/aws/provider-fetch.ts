import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { isIP } from 'node:net';
import { type FetchJson, ProviderUnavailableError } from '../identity/ports/fetch-json.ts';
import { BodyTooLargeError, codeOf, getBytes, isEncoded } from './get-bytes.ts';
import { createPublicLookup, isPublicAddress, type LookupAll } from './public-lookup.ts';

interface ProviderFetchOptions {
  /** The origins on this machine to which the function may connect. All other addresses must be public, with https. */
  loopbackOrigins: ReadonlySet<string>;
  lookup?: LookupAll;
  maxBytes?: number;
}

/** The largest key sets, of providers with a key per tenant, have about 60 KiB. */
const MAX_BYTES = 256 * 1024;

/**
 * Idle connections close by themselves and do not keep the process alive, so the agents need no closing. A provider
 * that does not respond cannot occupy more connections than `maxSockets`.
 */
const AGENT_OPTIONS = { keepAlive: true, timeout: 10_000, maxSockets: 50 };

/**
 * Creates the function that sends all requests to login providers. Addresses may come from a discovery document, which
 * is not trusted. The function therefore follows no redirects, and connects only to public addresses, apart from the
 * given origins.
 */
export function createProviderFetch({
  loopbackOrigins,
  lookup,
  maxBytes = MAX_BYTES,
}: ProviderFetchOptions): FetchJson {
  const refuse = (message: string) => new ProviderUnavailableError(message);
  const publicAgent = new HttpsAgent({ ...AGENT_OPTIONS, lookup: createPublicLookup(lookup, refuse) });
  const loopbackAgents = { 'http:': new HttpAgent(AGENT_OPTIONS), 'https:': new HttpsAgent(AGENT_OPTIONS) };

  function agentFor({ protocol, origin, hostname, host }: URL): HttpAgent {
    if (loopbackOrigins.has(origin)) return loopbackAgents[protocol === 'https:' ? protocol : 'http:'];
    if (protocol !== 'https:') throw refuse(`${host} is not an https address`);
    // For an IP address, Node does not call `lookup`, so the address is checked here.
    const address = hostname.replace(/^\[(.*)\]$/, '$1');
    if (isIP(address) !== 0 && !isPublicAddress(address)) {
      throw refuse(`${host} has an address that is not public`);
    }
    return publicAgent;
  }

  return async (text, { signal, authorization }) => {
    const url = URL.parse(text);
    if (url === null || url.username !== '' || url.password !== '') throw refuse('the address is not valid');
    const { host } = url;
    const agent = agentFor(url);
    const headers = { accept: 'application/json', ...(authorization !== undefined && { authorization }) };
    try {
      const { status, body } = await getBytes(url, {
        agent,
        signal,
        headers,
        maxBytes,
        checkHead({ status, headers }) {
          const isClientError = status >= 400 && status < 500 && status !== 408 && status !== 429;
          if (status !== 200 && !isClientError) throw refuse(`${host} answered ${status}`);
          if (isEncoded(headers)) throw refuse(`${host} answered with an encoding that was not requested`);
        },
      });
      return { status, body: parse(body, host) };
    } catch (error) {
      if (error instanceof ProviderUnavailableError) throw error;
      if (error instanceof BodyTooLargeError)
        throw refuse(`${host} answered with more than ${maxBytes} bytes`);
      if (signal.aborted) throw refuse(`${host} did not respond in time`);
      throw refuse(`the connection to ${host} failed (${codeOf(error)})`);
    }
  };
}

function parse(body: Buffer, host: string): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new ProviderUnavailableError(`${host} answered with a text that is not JSON`);
  }
}
