import { fork } from 'node:child_process';
import {
  AMZ_JSON,
  type KinesisMessage,
  type KinesisReply,
  type KinesisRequest,
  type KinesisResponse,
} from './kinesis-messages.ts';

/** Runs the Kinesis emulator in a process of its own. */
export interface KinesisProcess {
  /** Never rejects: if the process ends or does not answer, the response is a 500, which clients retry. */
  ask(request: KinesisRequest): Promise<KinesisResponse>;
  /** Waits for requests in flight, closes the streams and ends the process. Later requests get a 500. */
  close(): Promise<void>;
}

/** A request takes milliseconds. The timeout is shorter than the 15 s after which our own client gives up. */
const REQUEST_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 1_000;

const FAILED: KinesisResponse = {
  status: 500,
  contentType: AMZ_JSON,
  body: JSON.stringify({
    __type: 'InternalFailure',
    message: 'the Kinesis emulator failed; send the request again',
  }),
};

/**
 * Starts the emulator in a process of its own, on the streams in `directory`. kinesalite throws unexpected errors from
 * callbacks, where no caller can catch them. Such an error ends the emulator's process. A thread is not enough: LevelDB
 * crashes the whole process if a thread ends while it uses iterators. The next request starts another process on the
 * same streams. No acknowledged record is lost, because it is on disk.
 */
export function createKinesisProcess(directory: string): KinesisProcess {
  let current = startProcess(directory);
  let closed = false;

  async function running(): Promise<RunningProcess> {
    const last = current;
    if (closed || !last.hasEnded()) return last;
    // LevelDB locks the directory until the previous process has exited.
    await last.exited;
    if (current === last && !closed) current = startProcess(directory);
    return current;
  }

  return {
    ask: async (request) => (await running()).ask(request),
    async close() {
      closed = true;
      await current.close();
    },
  };
}

interface RunningProcess extends KinesisProcess {
  /** Returns true if the process accepts no more requests. */
  hasEnded(): boolean;
  exited: Promise<void>;
}

function startProcess(directory: string): RunningProcess {
  const child = fork(new URL('./kinesis-child.ts', import.meta.url), [directory], {
    // The default serialization is JSON, which cannot hold the bytes of a body.
    serialization: 'advanced',
    // The emulator must not inherit the flags of this process, such as the flags of a debugger or a test runner.
    execArgv: [],
  });
  const exit = Promise.withResolvers<void>();
  const inFlight = new Map<number, PromiseWithResolvers<KinesisResponse>>();
  let ended = false;
  let closed = false;
  let lastId = 0;
  let lastReplyAt = 0;

  function end(reason: string): void {
    if (ended) return;
    ended = true;
    child.kill('SIGKILL');
    if (!closed) {
      console.error(`cognito-sync-backend: the Kinesis emulator ${reason}; the next request starts it again`);
    }
    for (const { resolve } of inFlight.values()) resolve(FAILED);
    inFlight.clear();
  }

  function send(message: KinesisMessage): void {
    // Errors of `send` are ignored: if the process has just ended, the exit handler reports it.
    child.send(message, () => undefined);
  }

  /** Fails a request that got no response in time. Ends the process if it has answered no other request since then. */
  function timeOut(id: number, askedAt: number): void {
    if (lastReplyAt < askedAt) end(`did not answer within ${REQUEST_TIMEOUT_MS} ms`);
    inFlight.get(id)?.resolve(FAILED);
    inFlight.delete(id);
  }

  child.on('message', (reply) => {
    const { id, ...response } = reply as KinesisReply;
    lastReplyAt = performance.now();
    inFlight.get(id)?.resolve(response);
    inFlight.delete(id);
  });
  child.on('exit', () => {
    end('ended unexpectedly');
    exit.resolve();
  });
  child.on('error', (error) => {
    end(`failed: ${error.message}`);
    // A process that could not be started emits no exit event.
    if (child.pid === undefined) exit.resolve();
  });

  return {
    hasEnded: () => ended,
    exited: exit.promise,
    async ask(request) {
      if (ended || closed) return FAILED;
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
      if (!ended) send('close');
      const timer = setTimeout(() => end('was closed'), CLOSE_TIMEOUT_MS);
      await exit.promise;
      clearTimeout(timer);
    },
  };
}
