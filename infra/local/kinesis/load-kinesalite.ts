import { createRequire } from 'node:module';
import type kinesalite from 'kinesalite';

type Callback = (error: unknown, result?: unknown) => void;
type Action = (store: unknown, data: unknown, callback: Callback) => void;

const require = createRequire(import.meta.url);

/** The operations of kinesalite; each is in a file of that name. */
const ACTIONS = [
  'addTagsToStream',
  'createStream',
  'decreaseStreamRetentionPeriod',
  'deleteStream',
  'describeStream',
  'describeStreamSummary',
  'getRecords',
  'getShardIterator',
  'increaseStreamRetentionPeriod',
  'listShards',
  'listStreams',
  'listTagsForStream',
  'mergeShards',
  'putRecord',
  'putRecords',
  'removeTagsFromStream',
  'splitShard',
];

/**
 * Loads the emulator with its operations wrapped. On an unexpected failure (a forged token, a full disk), the emulator
 * throws from a callback where the error cannot be caught, which would end the process. The wrapped operations are put
 * into the module cache before the emulator loads them, and respond with AWS's `InternalFailure` instead.
 */
export function loadKinesalite(): typeof kinesalite {
  for (const name of ACTIONS) {
    const path = require.resolve(`kinesalite/actions/${name}`);
    const action: Action = require(path);
    const loaded = require.cache[path];
    if (loaded && !wrapped.has(action)) loaded.exports = wrap(action);
  }
  return require('kinesalite');
}

const wrapped = new WeakSet<Action>();

function wrap(action: Action): Action {
  const safe: Action = (store, data, callback) => {
    const answer: Callback = (error, result) => callback(error ? toAwsError(error) : error, result);
    try {
      action(store, data, answer);
    } catch (error) {
      answer(error);
    }
  };
  wrapped.add(safe);
  return safe;
}

/** Errors with a status code are regular responses; any other error becomes an InternalFailure. */
function toAwsError(error: unknown): unknown {
  if (error instanceof Error && 'statusCode' in error) return error;
  const body = { __type: 'InternalFailure', message: 'the Kinesis emulator failed' };
  return Object.assign(new Error(body.message), { statusCode: 500, body });
}
