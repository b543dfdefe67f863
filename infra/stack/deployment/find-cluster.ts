import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { SignatureV4 } from '@smithy/signature-v4';

const NOT_FOUND = 'ResourceNotFoundException';

/**
 * Checks that a cluster of Aurora DSQL exists. Signs and sends the request itself, because one call does not justify
 * the SDK's client for Aurora DSQL as a dependency. Sources: Amazon Aurora DSQL API Reference, GetCluster; the endpoint
 * rules in the SDK of AWS.
 *
 * @param config the configuration of another AWS client, with the region and the credentials
 * @throws {Error} with the name ResourceNotFoundException if the cluster does not exist; another error if the request
 *   cannot be sent
 */
export async function findCluster(config: KinesisClient['config'], identifier: string): Promise<void> {
  const { region, credentials, sha256 } = config;
  const { AWS_ENDPOINT_URL_DSQL, AWS_ENDPOINT_URL } = process.env;
  const endpoint = AWS_ENDPOINT_URL_DSQL || AWS_ENDPOINT_URL || `https://dsql.${await region()}.api.aws`;
  const { protocol, hostname, port, host, pathname, href } = new URL(`/cluster/${identifier}`, endpoint);
  const signer = new SignatureV4({ service: 'dsql', region, credentials, sha256 });
  const { headers } = await signer.sign({
    ...{ method: 'GET', protocol, hostname, path: pathname, headers: { host } },
    ...(port !== '' && { port: Number(port) }),
  });
  const response = await fetch(href, { headers, signal: AbortSignal.timeout(10_000) });
  const text = await response.text();
  const isMissing = !response.ok && `${response.headers.get('x-amzn-errortype')} ${text}`.includes(NOT_FOUND);
  if (isMissing || isDeleted(text))
    throw Object.assign(new Error(`no cluster ${identifier}`), { name: NOT_FOUND });
}

/** The API still returns a cluster for some time after its deletion. */
function isDeleted(text: string): boolean {
  return /"status"\s*:\s*"DELET(ING|ED)"/.test(text);
}
