import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { messageOfThrown } from '../../../lib/common/thrown.ts';
import { mapImports } from '../../../lib/rules/file/map-imports.ts';
import { DECISIONS_CHANNEL, type RuleDecision } from '../../../lib/rules/verdict.ts';
import { createLambdaContext } from '../lambda-context.ts';
import { fileStamp } from './file-stamp.ts';
import type {
  DecisionsMessage,
  FunctionWorkerData,
  InvocationPort,
  InvocationReply,
  InvocationRequest,
  LoadReport,
} from './messages.ts';

/**
 * The nice value of this thread. While this thread and a thread of the service compete for a processor, this thread
 * gets a third of the other's processor time. Source: Linux, sched(7): a factor of 1.25 for each unit.
 */
const NICE = 5;
/** Largest response payload of Lambda. Source: AWS Lambda Developer Guide, "Lambda quotas". */
const MAX_ANSWER_BYTES = 6 * 1024 * 1024;

const { functionName, module: url, region, rulesFile } = workerData as FunctionWorkerData;
// The port is received before the function is loaded, because the function could also listen on `parentPort` and
// receive the port.
const [{ port }] = (await once(parentPort as MessagePort, 'message')) as [InvocationPort];

mapImports(new URL(rulesFile), (file) => {
  const path = fileURLToPath(file);
  // The stamp is taken before the file is read. If the file changes in between, an unnecessary thread is started. If
  // the stamp were taken later, a thread with outdated rules could stay in use.
  report({ path, stamp: fileStamp(path) });
});
// An error here is not caught, so it ends the thread. The next thread loads the module again.
const { handler } = await import(url);
if (typeof handler !== 'function') throw new Error('the module exports no handler');
report({ loaded: true });
// Rules can compute for seconds. With a lower priority, they do not take the processor away from the service. On Linux,
// the call changes only this thread. On other systems, it would change the whole process.
if (process.platform === 'linux') lowerPriority();

/** The decisions of the sync rules in the current invocation, if the reply should contain them (`isWatched`). */
let decisions: RuleDecision[] = [];
let isWatched = false;
subscribe(DECISIONS_CHANNEL, (made) => {
  if (!Array.isArray(made)) return;
  countDecisions(made);
  if (isWatched) decisions.push(...made);
});

function countDecisions(made: readonly RuleDecision[]): void {
  const alike = Map.groupBy(made, ({ rule, action }) => JSON.stringify([rule, action]));
  for (const [{ rule, action }, ...others] of alike.values() as MapIterator<
    [RuleDecision, ...RuleDecision[]]
  >) {
    port.postMessage({ rule, action, count: 1 + others.length } satisfies DecisionsMessage);
  }
}

function lowerPriority(): void {
  try {
    setPriority(NICE);
  } catch {
    // Some containers forbid the call. The rules then run with the priority of the service.
  }
}

function report(load: LoadReport): void {
  port.postMessage(load);
}

async function invoke({ event, timeoutMs }: InvocationRequest): Promise<string> {
  const context = createLambdaContext(functionName, region, timeoutMs);
  const answer: unknown = await handler(JSON.parse(event), context);
  // Lambda converts values without a JSON form, such as undefined, to null.
  const text = JSON.stringify(answer) ?? 'null';
  if (Buffer.byteLength(text) > MAX_ANSWER_BYTES) {
    throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
  }
  return text;
}

port.on('message', async (request: InvocationRequest) => {
  let reply: InvocationReply;
  decisions = [];
  isWatched = request.isWatched;
  try {
    reply = { answer: await invoke(request), decisions };
  } catch (error) {
    log(error);
    reply = { error: messageOfThrown(error), decisions };
  }
  port.postMessage(reply);
});

/** Logs the error with its stack to the function's own log, as Lambda does. */
function log(thrown: unknown): void {
  try {
    console.error(thrown);
  } catch {
    // `console.error` can run code of the thrown value. If this code throws, only the message is logged.
    console.error(messageOfThrown(thrown));
  }
}
