import { fork } from 'node:child_process';
import { SetupError } from '../../../lib/common/errors.ts';
import { explainKinesisFailure } from './explain-kinesis-failure.ts';
import {
  AMZ_JSON,
  type KinesisMessage,
  type KinesisReply,
  type KinesisRequest,
  type KinesisResponse,
} from './kinesis-messages.ts';

/** The Kinesis emulator, which runs in a separate process. */
export interface KinesisProcess {
  /** @throws {SetupError} the streams cannot be opened; later requests fail as well */
  opened(): Promise<void>;
  /** Never rejects: if the process ends or does not answer, the response is a 500, which clients retry. */
  ask(request: KinesisRequest): Promise<KinesisResponse>;
  /** Waits for requests in flight, closes the streams and ends the process. Later requests get a 500. */
  close(): Promise<void>;
}

/**
 * A request takes milliseconds. The timeout is shorter than 15 s, the time after which this project's own client gives
 * up.
 */
const REQUEST_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 1_000;
/** Number of characters of the process's error output that are stored. Only the end of the output is needed. */
const MAX_PRINTED = 10_000;
/** A permanent failure occurs with each request. Its message is logged at most once in this time. */
const LOG_INTERVAL_MS = 60_000;

function failed(message: string): KinesisResponse {
  const body = JSON.stringify({ __type: 'InternalFailure', message });
  return { status: 500, contentType: AMZ_JSON, body };
}

/**
 * Starts the emulator in a separate process, on the streams in `directory`. kinesalite throws unexpected errors from
 * callbacks, where no caller can catch them. Such an error ends the emulator's process, and the next request starts a
 * new process on the same streams. No acknowledged record is lost, because it is on disk. A thread instead of a process
 * is not enough: if a thread ends while it uses iterators of LevelDB, the whole process crashes.
 */
export function createKinesisProcess(directory: string): KinesisProcess {
  const print = printByMessage();
  let hasOpened = false;
  // A failure to open the streams is not printed, because `opened` throws it.
  const report = (message: string) => hasOpened && print(message);
  let current = startProcess(directory, report);
  let closed = false;

  async function running(): Promise<RunningProcess> {
    const last = current;
    if (closed || !last.hasEnded()) return last;
    // The new process can start only after the previous process has exited, because LevelDB locks the directory until
    // then.
    await last.exited;
    if (current === last && !closed) current = startProcess(directory, report);
    return current;
  }

  return {
    async opened() {
      await current.opened();
      hasOpened = true;
    },
    ask: async (request) => (await running()).ask(request),
    async close() {
      closed = true;
      await current.close();
    },
  };
}

/** Returns a function that prints messages, but repeats the last message at most once a minute. */
function printByMessage(): (message: string) => void {
  let last = { message: '', at: 0 };
  return (message) => {
    const at = performance.now();
    if (message === last.message && at < last.at + LOG_INTERVAL_MS) return;
    last = { message, at };
    console.error(`cognito-sync-backend: ${message}`);
  };
}

interface RunningProcess extends KinesisProcess {
  /** Returns true if the process accepts no more requests. */
  hasEnded(): boolean;
  exited: Promise<void>;
}

function startProcess(directory: string, report: (message: string) => unknown): RunningProcess {
  const child = fork(new URL('./kinesis-child.ts', import.meta.url), [directory], {
    // The default serialization is JSON, which cannot hold the bytes of a body.
    serialization: 'advanced',
    // The emulator must not inherit the flags of this process, such as the flags of a debugger or a test runner.
    execArgv: [],
    stdio: ['inherit', 'inherit', 'pipe', 'ipc'],
  });
  const opening = Promise.withResolvers<string | undefined>();
  const exit = Promise.withResolvers<void>();
  const inFlight = new Map<number, PromiseWithResolvers<KinesisResponse>>();
  /** Why the process accepts no more requests. */
  let ended: string | undefined;
  let closed = false;
  let lastId = 0;
  let lastReplyAt = 0;
  let printed = '';

  function end(reason: string): void {
    if (ended !== undefined) return;
    ended = explainKinesisFailure(reason, directory);
    child.kill('SIGKILL');
    if (!closed) report(ended);
    opening.resolve(ended);
    for (const { resolve } of inFlight.values()) resolve(failed(ended));
    inFlight.clear();
  }

  function send(message: KinesisMessage): void {
    // Errors of `send` are ignored: if the process has just ended, the exit handler reports it.
    child.send(message, () => undefined);
  }

  /**
   * Fails a request that got no response in time. If the process has not answered any other request since this request
   * was sent, ends the process as well.
   */
  function timeOut(id: number, askedAt: number): void {
    const reason = `did not answer within ${REQUEST_TIMEOUT_MS} ms`;
    if (lastReplyAt < askedAt) end(reason);
    inFlight.get(id)?.resolve(failed(explainKinesisFailure(reason, directory)));
    inFlight.delete(id);
  }

  function respond({ id, failure, ...response }: Exclude<KinesisReply, 'open'>): void {
    lastReplyAt = performance.now();
    if (failure === undefined) inFlight.get(id)?.resolve(response);
    else {
      const explained = explainKinesisFailure(failure, directory);
      report(explained);
      inFlight.get(id)?.resolve(failed(explained));
    }
    inFlight.delete(id);
  }

  child.on('message', (reply: KinesisReply) => {
    if (reply === 'open') opening.resolve(undefined);
    else respond(reply);
  });
  child.stderr?.on('data', (chunk) => {
    printed = `${printed}${chunk}`.slice(-MAX_PRINTED);
  });
  // The event `close` follows after all error output was received, so `printed` is complete.
  child.on('close', () => {
    end(printed.trim().split('\n').at(-1) || 'ended unexpectedly');
    exit.resolve();
  });
  child.on('error', (error) => {
    end(`failed: ${error.message}`);
    // A process that could not be started emits no exit event.
    if (child.pid === undefined) exit.resolve();
  });

  return {
    hasEnded: () => ended !== undefined,
    exited: exit.promise,
    async opened() {
      const failure = await opening.promise;
      if (failure !== undefined) throw new SetupError(failure);
    },
    async ask(request) {
      if (ended !== undefined) return failed(ended);
      if (closed) return failed(explainKinesisFailure('was closed', directory));
      lastId += 1;
      const id = lastId;
      const answer = Promise.withResolvers<KinesisResponse>();
      inFlight.set(id, answer);
      send({ id, ...request });
      const timer = setTimeout(timeOut, REQUEST_TIMEOUT_MS, id, performance.now());
      try {
        return await answer.promise;
      } finally {
        clearTimeout(timer);
      }
    },
    async close() {
      closed = true;
      await Promise.all(Array.from(inFlight.values(), ({ promise }) => promise));
      if (ended === undefined) send('close');
      const timer = setTimeout(() => end('was closed'), CLOSE_TIMEOUT_MS);
      await exit.promise;
      clearTimeout(timer);
    },
  };
}
