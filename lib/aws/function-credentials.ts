/** As AWS's clients take them. */
export interface FunctionCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/**
 * The credentials of a function's role, which Lambda keeps in the environment. Stands in, in bundles of functions, for
 * what AWS's clients import under these two names (infra/stack/bundle/bundle-plugins.ts).
 *
 * @returns what reads them; it rejects where there are none
 */
export function fromNodeProviderChain(): () => Promise<FunctionCredentials> {
  return async () => {
    const {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
    } = process.env;
    if (!accessKeyId || !secretAccessKey) {
      throw new Error('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set');
    }
    return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
  };
}

export { fromNodeProviderChain as defaultProvider };
