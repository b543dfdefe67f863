import {
  CreatePlatformEndpointCommand,
  EndpointDisabledException,
  InvalidParameterException,
  NotFoundException,
  PublishCommand,
  SetEndpointAttributesCommand,
  type SNSClient,
} from '@aws-sdk/client-sns';
import { type PushChannel, PushError } from '../sync/ports/push.ts';

/** SNS disables the endpoint of a device that its platform knows no more, and registering means that it is back. */
const ENABLED = { Enabled: 'true' };

/**
 * Amazon SNS as the way to devices: each is an endpoint of a platform application.
 * @param client of the region that the applications are in
 */
export function createSnsPush(client: SNSClient): PushChannel {
  return {
    async register({ applicationArn, token }) {
      try {
        return await createEndpoint(client, applicationArn, token);
      } catch (error) {
        if (!(error instanceof InvalidParameterException || error instanceof NotFoundException)) throw error;
        // The text of SNS may repeat the token.
        throw new PushError(
          'refused',
          `the push application '${applicationArn}' is not there, or does not take this token`,
        );
      }
    },

    async send({ endpoint, platform }, message) {
      // SNS asks for a default, which no endpoint of this platform ever gets.
      const Message = JSON.stringify({ default: message, [platform]: message });
      try {
        await client.send(new PublishCommand({ TargetArn: endpoint, MessageStructure: 'json', Message }));
      } catch (error) {
        if (!(error instanceof EndpointDisabledException || error instanceof NotFoundException)) throw error;
        throw new PushError('disabled', `the endpoint '${endpoint}' is disabled or deleted`);
      }
    },
  };
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
    if (EndpointArn === undefined) throw new Error('SNS made an endpoint without an ARN');
    return EndpointArn;
  } catch (error) {
    const existing = existingEndpoint(error);
    if (existing === undefined) throw error;
    await client.send(new SetEndpointAttributesCommand({ EndpointArn: existing, Attributes: ENABLED }));
    return existing;
  }
}

/** SNS names it only in the text. Source: Amazon SNS developer guide, "Creating platform endpoints", its sample. */
function existingEndpoint(error: unknown): string | undefined {
  if (!(error instanceof InvalidParameterException)) return undefined;
  return /Endpoint (arn:aws[^\s]*:sns:\S+:endpoint\/\S+) already exists with the same Token/
    .exec(error.message)
    ?.at(1);
}
