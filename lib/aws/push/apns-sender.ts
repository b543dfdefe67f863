import { SignJWT } from 'jose';
import type { ApnsSettings } from '../../common/push-providers.ts';
import { type PushDevice, PushError } from '../../sync/ports/push.ts';
import { type ApnsConnection, createApnsConnection } from './apns-connection.ts';
import { isTemporary, type PushResponse, toReason } from './post.ts';
import type { TokenSender } from './token-sender.ts';

/**
 * APNs rejects a provider token after an hour, and rejects more than one new token in 20 minutes. Source: Apple,
 * "Establishing a token-based connection to APNs".
 */
const PROVIDER_TOKEN_MS = 45 * 60 * 1_000;
const MIN_PROVIDER_TOKEN_MS = 20 * 60 * 1_000;

/** A device token in hexadecimal form. Apple says that its length may change; today it has 32 bytes. */
const TOKEN = /^(?:[0-9a-f]{2}){8,256}$/;

interface ApnsDeps {
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  connection?: ApnsConnection;
}

/**
 * Creates the sender of push messages to Apple's devices. A message has no alert, so it is sent as a background
 * notification. Source: Apple, "Sending notification requests to APNs" and "Pushing background updates to your App".
 */
export function createApnsSender(
  settings: ApnsSettings,
  { now, connection = createApnsConnection(settings.endpoint) }: ApnsDeps,
): TokenSender {
  const providerTokens = createProviderTokens(settings, now);
  return {
    /** AWS's SDK for iOS sends the token in upper case. */
    readToken(text) {
      const token = text.toLowerCase();
      return TOKEN.test(token) ? token : null;
    },

    async send(token, device, message) {
      const headers = {
        authorization: `bearer ${await providerTokens.get()}`,
        'apns-topic': settings.topic,
        'apns-push-type': 'background',
        'apns-priority': '5',
      };
      const response = await connection.post(`/3/device/${token}`, headers, message);
      if (response.status === 200) return;
      if (response.body.reason === 'ExpiredProviderToken') providerTokens.expire();
      throw toError(response, device);
    },

    close: () => connection.close(),
  };
}

/** Creates the tokens with which the service authenticates itself to APNs. */
function createProviderTokens({ key, keyId, teamId }: ApnsSettings, now: () => number) {
  let held: { token: Promise<string>; issuedAt: number } | undefined;
  return {
    get(): Promise<string> {
      const at = now();
      if (held === undefined || at - held.issuedAt >= PROVIDER_TOKEN_MS) {
        const token = new SignJWT()
          .setProtectedHeader({ alg: 'ES256', kid: keyId })
          .setIssuer(teamId)
          .setIssuedAt(Math.floor(at / 1_000))
          .sign(key);
        held = { token, issuedAt: at };
      }
      return held.token;
    },
    /**
     * Forgets a token that APNs calls expired. A token of less than 20 minutes is kept: only a wrong clock can be the
     * reason then.
     */
    expire(): void {
      if (held !== undefined && now() - held.issuedAt >= MIN_PROVIDER_TOKEN_MS) held = undefined;
    },
  };
}

/**
 * Source of the status codes and reasons: Apple, "Handling notification responses from APNs". A wrong topic
 * (`DeviceTokenNotForTopic`) does not disable the device, because a wrong setting causes it for all devices.
 */
function toError({ status, body, retryAfterMs }: PushResponse, { registeredAt }: PushDevice): PushError {
  const message = `APNs: ${status} ${toReason(body.reason)}`;
  const isBadToken = status === 400 && body.reason === 'BadDeviceToken';
  // APNs says when the token became invalid. If the device registered the same token later, the app was installed
  // again.
  const isOlder = typeof body.timestamp === 'number' && body.timestamp < registeredAt;
  if (isBadToken || (status === 410 && !isOlder)) return new PushError('disabled', message);
  const isExpired = body.reason === 'ExpiredProviderToken';
  return new PushError(isTemporary(status) || isExpired ? 'temporary' : 'failed', message, retryAfterMs);
}
