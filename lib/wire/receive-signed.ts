import type { Caller } from '../common/caller.ts';
import { letOthersRun } from '../common/let-others-run.ts';
import type { RawRequest } from './canonical-request.ts';
import type { RateLimits } from './rate-limits.ts';
import { receiveBody, type WireRequest } from './request-body.ts';
import type { SigV4Verifier } from './sigv4.ts';

/**
 * Receives a signed request and finds its caller. Developers have no rate limits. But anyone can name the access key of
 * a developer, so a wrong signature counts toward the limit of the address, and an address above its limit is rejected
 * before the body is read.
 *
 * @param cost see `costOf`
 * @throws {SignatureError} the signature is missing or invalid
 * @throws {ServiceError} TooManyRequestsException
 * @throws {RequestError} the body is too large or incomplete
 */
export async function receiveSigned(
  incoming: WireRequest,
  {
    verify,
    service,
    limits,
    cost,
    maxBytes,
  }: { verify: SigV4Verifier; service: string; limits: RateLimits; cost: number; maxBytes: number },
): Promise<{ request: RawRequest; caller: Caller }> {
  const signature = verify(incoming, service);
  const isCharged = signature.claimant.kind === 'identity';
  limits.charge('address', incoming.sourceAddress, isCharged ? cost : 0);
  const request = await receiveBody(incoming, maxBytes);
  await letOthersRun(request.body.length);
  try {
    return { request, caller: signature.confirm(request.body) };
  } catch (error) {
    if (!isCharged) limits.owe('address', incoming.sourceAddress, cost);
    throw error;
  }
}
