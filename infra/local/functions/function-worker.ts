import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { messageOfThrown } from '../../../lib/common/thrown.ts';
import { mapImports } from '../../../lib/rules/file/map-imports.ts';
import { createLambdaContext } from '../lambda-context.ts';
import { fileStamp } from './file-stamp.ts';
import type {
  FunctionWorkerData,
  InvocationPort,
  InvocationReply,
  InvocationRequest,
  LoadReport,
} from './messages.ts';

/** The most that Lambda takes of an answer. Source: AWS Lambda Developer Guide, "Lambda quotas". */
const MAX_ANSWER_BYTES = 6 * 1024 * 1024;

const { functionName, module: url, region, rulesFile } = workerData as FunctionWorkerData;
// Before the function is loaded, which can listen there as well.
const [{ port }] = (await once(parentPort as MessagePort, 'message')) as [InvocationPort];

mapImports(new URL(rulesFile), (file) => {
  const path = fileURLToPath(file);
  // Before it is read: a change in between makes one thread too many, not one with old rules.
  report({ path, stamp: fileStamp(path) });
});
// What is thrown here ends the thread, as it is to: the next one tries the module again.
const { handler } = await import(url);
if (typeof handler !== 'function') throw new Error('the module exports no handler');
report({ loaded: true });

function report(load: LoadReport): void {
  port.postMessage(load);
}

async function invoke({ event, timeoutMs }: InvocationRequest): Promise<string> {
  const context = createLambdaContext(functionName, region, timeoutMs);
  const answer: unknown = await handler(JSON.parse(event), context);
  // Of what JSON does not have, such as undefined, Lambda makes null.
  const text = JSON.stringify(answer) ?? 'null';
  if (Buffer.byteLength(text) > MAX_ANSWER_BYTES) {
    throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
  }
  return text;
}

port.on('message', async (request: InvocationRequest) => {
  let reply: InvocationReply;
  try {
    reply = { answer: await invoke(request) };
  } catch (error) {
    log(error);
    reply = { error: messageOfThrown(error) };
  }
  port.postMessage(reply);
});

/** As Lambda does: the stack is in the function's own log. */
function log(thrown: unknown): void {
  try {
    console.error(thrown);
  } catch {
    // It says itself how it is logged, and threw there.
    console.error(messageOfThrown(thrown));
  }
}
