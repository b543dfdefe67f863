import { isObject } from '../../../lib/common/json.ts';
import type { Place, PopulationLedger, Side, WirePatch, WireRecord } from './ledger.ts';
import { type Answer, type Exchange, startProxy } from './proxy.ts';

/** An error that a device received. */
export interface Refusal {
  device: string;
  side: Side;
  operation: string;
  code: string;
  message: string;
}

/** The address of one device, whose app version decides which service receives the requests. */
export interface DeviceAddress {
  url: string;
  side: Side;
  close(): Promise<void>;
}

export interface Front {
  open(device: string, side: Side): Promise<DeviceAddress>;
  refusals: readonly Refusal[];
  /** Requests of devices that a service answered. */
  requests(): number;
}

/** A request to a dataset: ListRecords, UpdateRecords or DeleteDataset. */
const DATASET = /^\/identitypools\/[^/]+\/identities\/([^/]+)\/datasets\/([^/?]+)(\/records)?(?:\?|$)/;

/**
 * Creates the URLs that the simulated devices call. Each request and response is entered into the ledger, regardless of
 * the client that sent the request. A share of the responses to changes is lost, as in a mobile network.
 */
export function createFront({
  ledger,
  urls,
  random,
  loseResponses,
}: {
  ledger: PopulationLedger;
  urls: Readonly<Record<Side, string>>;
  random: () => number;
  /** Probability that the response to a change is lost. */
  loseResponses: number;
}): Front {
  const refusals: Refusal[] = [];
  let requests = 0;

  function observe(device: string, side: Side, exchange: Exchange, answer: Answer | null): boolean {
    if (answer) requests += 1;
    const found = DATASET.exec(exchange.path);
    const isChange = found !== null && exchange.method !== 'GET';
    const isLost = answer !== null && isChange && random() < loseResponses;
    const received = isLost ? null : answer;
    if (received && received.status >= 400) refusals.push(toRefusal(device, side, exchange, received));
    // A change with a 4xx status was rejected and is not in the ledger. After a 5xx status, the change may be stored.
    if (!found || (received && received.status >= 400 && received.status < 500)) return !isLost;
    const [, identityId = '', datasetName = ''] = found.map((part) => decodeURIComponent(part ?? ''));
    enter({ identityId, datasetName }, side, exchange, received?.status === 200 ? received : null);
    return !isLost;
  }

  function enter(place: Place, side: Side, { method, body, sentAt }: Exchange, answer: Answer | null): void {
    const records = answer ? recordsIn(answer.body.toString()) : null;
    if (method === 'GET') {
      if (records) ledger.received(side, place, records);
    } else if (method === 'DELETE') {
      ledger.deleted(side, place, { sentAt, ackedAt: answer ? Date.now() : Number.POSITIVE_INFINITY });
    } else {
      const sent: unknown = JSON.parse(body);
      const patches = isObject(sent) && Array.isArray(sent.RecordPatches) ? sent.RecordPatches : [];
      ledger.updated(side, place, { patches: patches as WirePatch[], records, sentAt, at: Date.now() });
    }
  }

  return {
    refusals,
    requests: () => requests,
    async open(device, side) {
      const address = { side };
      const proxy = await startProxy({
        upstream: () => urls[address.side],
        observe: (exchange, answer) => observe(device, address.side, exchange, answer),
      });
      return Object.assign(address, proxy);
    },
  };
}

function recordsIn(body: string): WireRecord[] {
  const answer: unknown = body === '' ? {} : JSON.parse(body);
  return isObject(answer) && Array.isArray(answer.Records) ? (answer.Records as WireRecord[]) : [];
}

function toRefusal(device: string, side: Side, { method, path, headers }: Exchange, answer: Answer): Refusal {
  const body: unknown = JSON.parse(answer.body.toString() || '{}');
  const { __type = '', message = '' } = isObject(body) ? body : {};
  const target = headers['x-amz-target'];
  const operation =
    typeof target === 'string' ? (target.split('.').at(-1) ?? '') : `${method} ${path.split('?')[0]}`;
  return { device, side, operation, code: String(__type), message: String(message) };
}
