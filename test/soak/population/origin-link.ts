import { type Place, placeName } from './ledger.ts';
import { type Disturbance, type Exchange, type RecordingProxy, startProxy } from './proxy.ts';

/** The connection from the target to the origin, which the test disturbs. */
export interface OriginLink extends RecordingProxy {
  /** Answered changes of the bridge at the origin, by dataset. */
  writes: ReadonlyMap<string, number>;
  /** Changes that the origin rejected or did not answer, by dataset. Each can interrupt a pass of the bridge. */
  interrupted: ReadonlyMap<string, number>;
  /** Number of requests that were throttled, delayed or cut. */
  disturbed(): number;
  /** Disturbs a share of the requests until it is called again. */
  disturbBy(kind: 'throttle' | 'delay the stream' | 'cut connections' | null): void;
}

const SHARE = 0.5;
const STREAM_DELAY_MS = 2_000;
const DATASET = /^\/identitypools\/[^/]+\/identities\/([^/]+)\/datasets\/([^/?]+)$/;

export async function startOriginLink(originUrl: string, random: () => number): Promise<OriginLink> {
  const writes = new Map<string, number>();
  const interrupted = new Map<string, number>();
  let disturbance: Parameters<OriginLink['disturbBy']>[0] = null;
  let disturbed = 0;

  function disturb(exchange: Exchange): Disturbance {
    if (disturbance === null || random() >= SHARE) return null;
    const isStream = /Kinesis/.test(String(exchange.headers['x-amz-target'] ?? ''));
    if (disturbance === 'delay the stream' && !isStream) return null;
    disturbed += 1;
    if (disturbance === 'delay the stream') return { delayMs: STREAM_DELAY_MS };
    count(interrupted, exchange);
    if (disturbance === 'cut connections') return 'cut';
    return isStream
      ? { status: 400, code: 'ProvisionedThroughputExceededException' }
      : { status: 429, code: 'TooManyRequestsException' };
  }

  const proxy = await startProxy({
    upstream: () => originUrl,
    disturb,
    observe(exchange, answer) {
      count(answer?.status === 200 ? writes : interrupted, exchange);
      return true;
    },
  });
  return {
    ...proxy,
    writes,
    interrupted,
    disturbed: () => disturbed,
    disturbBy(kind) {
      disturbance = kind;
    },
  };
}

function count(counts: Map<string, number>, { method, path }: Exchange): void {
  const [, identityId = '', datasetName = ''] = DATASET.exec(path) ?? [];
  if (identityId === '' || method === 'GET') return;
  const place: Place = {
    identityId: decodeURIComponent(identityId),
    datasetName: decodeURIComponent(datasetName),
  };
  counts.set(placeName(place), (counts.get(placeName(place)) ?? 0) + 1);
}
