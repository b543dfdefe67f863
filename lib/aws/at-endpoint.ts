/**
 * Returns the settings of an SDK client whose service is at this address. Without an address, the SDK finds AWS's own.
 *
 * AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT and the same settings in the shared configuration file choose among
 * AWS's own addresses. With any other address, the SDK rejects these settings ("FIPS and custom endpoint are not
 * supported"), so they are disabled here.
 */
export function atEndpoint(endpoint: string | undefined) {
  return endpoint === undefined ? {} : { endpoint, useFipsEndpoint: false, useDualstackEndpoint: false };
}
