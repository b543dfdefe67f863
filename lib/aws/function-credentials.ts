/** Credentials in the form that AWS's clients accept. */
export interface FunctionCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/**
 * Provides the credentials of a function's role from Lambda's environment variables. In function bundles, this module
 * replaces the module from which AWS's clients import `fromNodeProviderChain` or `defaultProvider`
 * (infra/stack/bundle/bundle-plugins.ts).
 *
 * @returns a function that reads the credentials, and rejects if the variables are not set
 */
export function fromNodeProviderChain(): () => Promise<FunctionCredentials> {
  return async () => {
    const {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
    } = process.env;
    if (!accessKeyId || !secretAccessKey) {
      throw new Error(
        'AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set; Lambda sets both from the role of the function',
      );
    }
    return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
  };
}

export { fromNodeProviderChain as defaultProvider };
