import { createRequire } from 'node:module';
import type kinesalite from 'kinesalite';

type Callback = (error: unknown, result?: unknown) => void;
type Action = (store: unknown, data: unknown, callback: Callback) => void;

const require = createRequire(import.meta.url);

/** The operations that kinesalite has, each in a file of that name. */
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
 * The emulator, with its operations made safe: what it does not expect to fail (a token nobody made, a full disk) it
 * throws into the process, from a callback where nobody can catch it. Its operations are put in its way before it
 * loads them, so that such a failure is AWS's `InternalFailure` instead.
 */
export function loadKinesalite(): typeof kinesalite {
  for (const name of ACTIONS) {
    const path = require.resolve(`kinesalite/actions/${name}`);
    const action: Action = require(path);
    const loaded = require.cache[path];
    if (loaded && !made.has(action)) loaded.exports = makeSafe(action);
  }
  return require('kinesalite');
}

const made = new WeakSet<Action>();

function makeSafe(action: Action): Action {
  const safe: Action = (store, data, callback) => {
    const answer: Callback = (error, result) => callback(error ? expected(error) : error, result);
    try {
      action(store, data, answer);
    } catch (error) {
      answer(error);
    }
  };
  made.add(safe);
  return safe;
}

/** Errors with a status are answers; the others get one. */
function expected(error: unknown): unknown {
  if (error instanceof Error && 'statusCode' in error) return error;
  const body = { __type: 'InternalFailure', message: 'the Kinesis emulator failed' };
  return Object.assign(new Error(body.message), { statusCode: 500, body });
}
