import {
  CreatePlatformEndpointCommand,
  EndpointDisabledException,
  InvalidParameterException,
  NotFoundException,
  PublishCommand,
  type PublishCommandInput,
  SetEndpointAttributesCommand,
  SNSClient,
} from '@aws-sdk/client-sns';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { countUses } from '../../common/count-uses.ts';
import type { SnsSettings } from '../../common/push-providers.ts';
import { type PushChannel, PushError } from '../../sync/ports/push.ts';
import { atEndpoint } from '../at-endpoint.ts';

/**
 * SNS disables the endpoint of a device that the platform (such as Apple's or Google's) no longer knows. Registering
 * the device again must enable the endpoint.
 */
const ENABLED = { Enabled: 'true' };

/**
 * Time limits of a request to SNS. A device's registration waits for such a request. For push messages, the service has
 * a shorter limit.
 */
const CONNECT_TIMEOUT_MS = 1_000;
const REQUEST_TIMEOUT_MS = 5_000;

/**
 * SNS passes these attributes on to APNs. Since iOS 13, APNs may drop a message without an alert unless it has the type
 * `background`, which allows only the priority 5. Source: Amazon SNS Developer Guide, "Using Amazon SNS message
 * attributes for mobile push notifications"; Apple, "Sending notification requests to APNs".
 */
const IN_BACKGROUND: PublishCommandInput['MessageAttributes'] = {
  'AWS.SNS.MOBILE.APNS.PUSH_TYPE': { DataType: 'String', StringValue: 'background' },
  'AWS.SNS.MOBILE.APNS.PRIORITY': { DataType: 'String', StringValue: '5' },
};

/**
 * Creates a push channel on the Amazon SNS of a region. The SDK retries throttled requests and server errors. `close`
 * closes the connections as soon as the requests in flight have ended.
 */
export function openSnsPush({
  region,
  credentials,
  endpoint,
}: Omit<SnsSettings, 'kind'>): PushChannel & { close(): void } {
  const requestHandler = new NodeHttpHandler({
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Without this option, a timeout only logs a warning, and the request stays open.
    throwOnRequestTimeout: true,
  });
  const client = new SNSClient({
    region,
    requestHandler,
    maxAttempts: 3,
    // The SDK adds members to the object that it receives.
    ...(credentials && { credentials: { ...credentials } }),
    ...atEndpoint(endpoint ?? undefined),
  });
  const channel = createSnsPush(client);
  const uses = countUses(() => client.destroy());
  return {
    register: (device) => uses.during(() => channel.register(device)),
    send: (device, message) => uses.during(() => channel.send(device, message)),
    close: () => uses.retire(),
  };
}

/**
 * Creates a push channel on Amazon SNS, in which each device is an endpoint of a platform application.
 * @param client an SNS client for the region of the applications
 */
export function createSnsPush(client: SNSClient): PushChannel {
  return {
    async register({ applicationArn, token }) {
      try {
        return await createEndpoint(client, applicationArn, token);
      } catch (error) {
        if (!(error instanceof InvalidParameterException || error instanceof NotFoundException)) throw error;
        // Do not pass on SNS's error message, which may contain the token.
        throw new PushError(
          'refused',
          `the push application '${applicationArn}' does not exist or rejects this token`,
        );
      }
    },

    async send({ endpoint, platform }, message) {
      // SNS requires a default message, which endpoints of this platform never receive.
      const Message = JSON.stringify({ default: message, [platform]: message });
      try {
        await client.send(
          new PublishCommand({
            TargetArn: endpoint,
            MessageStructure: 'json',
            Message,
            ...(platform.startsWith('APNS') && { MessageAttributes: IN_BACKGROUND }),
          }),
        );
      } catch (error) {
        if (!isUnusable(error)) throw error;
        throw new PushError('disabled', 'SNS has disabled or deleted the endpoint of the device');
      }
    },
  };
}

/**
 * Returns whether SNS rejected a message because the endpoint is disabled or was deleted. For a deleted endpoint, SNS
 * returns `InvalidParameter`, as for any other invalid parameter: only the message says which. Services that imitate
 * SNS return `NotFound`, which the API reference of `Publish` lists too.
 */
function isUnusable(error: unknown): boolean {
  if (error instanceof InvalidParameterException) return /No endpoint found/.test(error.message);
  return error instanceof EndpointDisabledException || error instanceof NotFoundException;
}

async function createEndpoint(client: SNSClient, applicationArn: string, token: string): Promise<string> {
  try {
    const { EndpointArn } = await client.send(
      new CreatePlatformEndpointCommand({
        PlatformApplicationArn: applicationArn,
        Token: token,
        Attributes: ENABLED,
      }),
    );
    if (EndpointArn === undefined) throw new Error('SNS did not return the ARN of the new endpoint');
    return EndpointArn;
  } catch (error) {
    const existing = existingEndpoint(error);
    if (existing === undefined) throw error;
    await client.send(new SetEndpointAttributesCommand({ EndpointArn: existing, Attributes: ENABLED }));
    return existing;
  }
}

/**
 * If SNS rejected a registration because the token already has an endpoint, returns the ARN of that endpoint. Otherwise
 * returns undefined. SNS reports the ARN only in the error message. Source: Amazon SNS developer guide, "Creating
 * platform endpoints", sample code.
 */
function existingEndpoint(error: unknown): string | undefined {
  if (!(error instanceof InvalidParameterException)) return undefined;
  return /Endpoint (arn:aws[^\s]*:sns:\S+:endpoint\/\S+) already exists with the same Token/
    .exec(error.message)
    ?.at(1);
}
