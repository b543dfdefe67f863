import { isObject } from '../../common/json.ts';
import type { FcmSettings } from '../../common/push-providers.ts';
import { PushError } from '../../sync/ports/push.ts';
import { createAccessTokens } from './google-token.ts';
import { isTemporary, type PushResponse, post, toReason } from './post.ts';
import type { TokenSender } from './token-sender.ts';

interface FcmDeps {
  fetch: typeof globalThis.fetch;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
}

/** FCM's own limit is not published. Real tokens have about 150 characters. */
const TOKEN = /^[\w:.-]{1,4096}$/;

/**
 * Creates the sender of push messages to devices of Firebase Cloud Messaging, through its HTTP v1 API. Source:
 * Firebase, "Send a message using FCM HTTP v1 API".
 */
export function createFcmSender(settings: FcmSettings, { fetch, now }: FcmDeps): TokenSender {
  const accessTokens = createAccessTokens(settings, { fetch, now });
  const url = `${settings.endpoint}/v1/projects/${settings.projectId}/messages:send`;
  return {
    readToken: (text) => (TOKEN.test(text) ? text : null),

    async send(token, _device, message) {
      const accessToken = await accessTokens.get();
      const response = await post(fetch, 'FCM', url, {
        headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
        // A message for GCM is an object with `data`. The same member of FCM's message has the same form.
        body: JSON.stringify({ message: { ...JSON.parse(message), token } }),
      });
      if (response.status === 200) return;
      const error = toError(response);
      if (response.status === 401) accessTokens.drop(accessToken);
      throw error;
    },

    // `fetch` closes idle connections by itself, and they do not keep the process alive.
    close: () => undefined,
  };
}

/**
 * Two codes reject the token of the device. UNREGISTERED: the app was removed, or the token has expired.
 * INVALID_ARGUMENT in FCM's own detail: the text is not a token. An invalid message has the same code, but its detail
 * is a BadRequest that names another field. Source: Firebase, "FCM Error Codes".
 *
 * SENDER_ID_MISMATCH does not disable the device, because a wrong service account causes it for all devices.
 */
function toError({ status, body, retryAfterMs }: PushResponse): PushError {
  const error = isObject(body.error) ? body.error : {};
  const details = Array.isArray(error.details) ? error.details.filter(isObject) : [];
  const code = details.find(({ errorCode }) => errorCode !== undefined)?.errorCode;
  const fields = details
    .flatMap(({ fieldViolations }) => (Array.isArray(fieldViolations) ? fieldViolations : []))
    .map((violation) => (isObject(violation) ? violation.field : undefined));
  const isUnknownToken = status === 404 && code === 'UNREGISTERED';
  const isInvalidToken =
    status === 400 &&
    (fields.length === 0 ? code === 'INVALID_ARGUMENT' : fields.every((field) => field === 'message.token'));
  const message = `FCM: ${status} ${toReason(code ?? error.status)}`;
  if (isUnknownToken || isInvalidToken) return new PushError('disabled', message);
  // After 401, the next attempt uses another access token.
  return new PushError(isTemporary(status) || status === 401 ? 'temporary' : 'failed', message, retryAfterMs);
}
