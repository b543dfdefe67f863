import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createLocalFunction } from '../../../infra/local/functions/local-function.ts';
import { createLocalFunctions, type LocalFunctions } from '../../../infra/local/functions/local-functions.ts';
import { DEFAULT_RULES_FILE as rulesFile } from '../../../lib/rules/file/rules-path.ts';
import { FunctionError } from '../../../lib/sync/ports/functions.ts';

const ROOT = new URL('../../../', import.meta.url);
const TIMEOUT_MS = 40_000;

/** Modules of the functions, by name. `count` returns the number of invocations in its thread. */
const HANDLERS: Record<string, string> = {
  echo: 'export const handler = async (event) => event;',
  context: `export const handler = async (event, context) => ({
    ...context, left: context.getRemainingTimeInMillis(), then: 0 });`,
  count: 'let calls = 0; export const handler = async () => (calls += 1);',
  threads: `import { threadId } from 'node:worker_threads';
    export const handler = async ({ ms }) => { await new Promise((done) => setTimeout(done, ms)); return threadId; };`,
  together: `import { readdirSync, writeFileSync } from 'node:fs';
    import { threadId } from 'node:worker_threads';
    export const handler = async ({ directory, calls }) => {
      writeFileSync(directory + '/' + threadId, '');
      while (readdirSync(directory).length < calls) await new Promise((done) => setTimeout(done, 10));
      return threadId; };`,
  'slow-second': `import { existsSync, writeFileSync } from 'node:fs';
    import { threadId } from 'node:worker_threads';
    const loaded = new URL('slow-second.loaded', import.meta.url);
    if (existsSync(loaded)) await new Promise((done) => setTimeout(done, 8_000));
    writeFileSync(loaded, '');
    export const handler = async ({ ms }) => { await new Promise((done) => setTimeout(done, ms)); return threadId; };`,
  remaining: `export const handler = async ({ ms }, context) => {
    const left = context.getRemainingTimeInMillis();
    await new Promise((done) => setTimeout(done, ms));
    return left; };`,
  misbehave: `let calls = 0;
    const noText = { toString: 1, valueOf: 1 };
    const ways = {
      fine: () => calls,
      throws: () => { throw new TypeError('not that one'); },
      rejects: () => Promise.reject(new Error('not this one')),
      'throws a string': () => { throw 'plain'; },
      'throws undefined': () => { throw undefined; },
      'throws an object without a prototype': () => { throw Object.create(null); },
      'throws an object with a throwing getter': () => {
        throw { get message() { throw new Error('trap'); }, [Symbol.toPrimitive]: 5 }; },
      'throws an error with an invalid message': () => { throw Object.assign(new Error(), { message: noText }); },
      'throws a proxy that cannot be inspected': () => { throw new Proxy({}, { getPrototypeOf() { throw noText; } }); },
      'throws an error that cannot be logged': () => { throw Object.assign(new Error('not logged'), {
        [Symbol.for('nodejs.util.inspect.custom')]() { throw noText; } }); },
      'exits': () => process.exit(0),
      'exits with 3': () => process.exit(3),
      'throws an uncaught error': () => {
        setTimeout(() => { throw new Error('left behind'); });
        return new Promise(() => {}); },
      'leaves a rejection unhandled': () => {
        void Promise.reject(new Error('left behind'));
        return new Promise(() => {}); },
      'throws an uncaught error with an invalid message': () => {
        setTimeout(() => { throw Object.assign(new Error(), { message: noText }); });
        return new Promise(() => {}); },
      'throws an uncaught string': () => { setTimeout(() => { throw 'plain'; }); return new Promise(() => {}); },
      'returns and throws': () => { setTimeout(() => { throw new Error('left behind'); }); return 'answer'; },
      'returns and rejects': () => { setTimeout(() => Promise.reject(new Error('left behind'))); return 'answer'; },
      'returns and exits': () => { setTimeout(() => process.exit(0)); return 'answer'; },
      'returns undefined': () => undefined,
      'returns a function': () => () => 1,
      'returns a symbol': () => Symbol('x'),
      'returns a BigInt': () => ({ value: 1n }),
      'returns a circular object': () => { const a = {}; a.a = a; return a; },
      'returns NaN': () => ({ value: NaN, missing: undefined }),
      'returns too much': () => 'x'.repeat(6 * 1024 * 1024),
      'returns the maximum': () => 'x'.repeat(6 * 1024 * 1024 - 2),
      'returns an object with a throwing toJSON': () => ({ toJSON() { throw new Error('no JSON of this'); } }),
      'never returns': () => new Promise(() => {}),
      'loops': () => { for (;;); },
      'loops in toJSON': () => ({ toJSON() { for (;;); } }),
      'sleeps': () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
      'exhausts its memory': () => { const all = []; for (;;) all.push(new Array(1e5).fill(0.5)); },
    };
    export const handler = (event) => { calls += 1; return ways[event.way](); };`,
  posts: `import { parentPort } from 'node:worker_threads';
    export const handler = async ({ message }) => {
      parentPort.postMessage(message);
      await new Promise((done) => setTimeout(done, 50));
      return 'own answer'; };`,
  'posts-at-load': `import { parentPort } from 'node:worker_threads';
    parentPort.postMessage(null);
    parentPort.on('message', (message) => parentPort.postMessage({ answer: JSON.stringify(message) }));
    export const handler = async () => 'own answer';`,
  'closes-port': `import { parentPort } from 'node:worker_threads';
    export const handler = async () => { parentPort.close(); return 'own answer'; };`,
  'patches-port': `import { MessagePort } from 'node:worker_threads';
    const { postMessage } = MessagePort.prototype;
    export const handler = async ({ message }) => {
      MessagePort.prototype.postMessage = function () { postMessage.call(this, message); }; };`,
  'throws-at-load': "throw new Error('not loadable');",
  'loops-at-load': 'for (;;);',
  'syntax-error': 'export const handler = async (',
  'no-handler': 'export const handle = () => 1;',
  'handler-is-text': "export const handler = 'x';",
};

let directory: string;
let functions: LocalFunctions;
const moduleOf = (name: string) => pathToFileURL(join(directory, `${name}.mjs`));
const arnOf = (name: string, region = 'eu-west-1') =>
  `arn:aws:lambda:${region}:000000000000:function:${name}`;
const create = (modules: Record<string, URL>, lines: string[] = []) => {
  const log = (line: string) => void lines.push(line);
  const logger = { error: log, info: log };
  const created = createLocalFunctions({ modules, region: 'eu-west-1', rulesFile, logger });
  onTestFinished(() => created.close());
  return created;
};
/** Invokes a function for a new identity, so that the limit per identity does not apply. */
const invoke = (name: string, event: object = {}, timeoutMs = TIMEOUT_MS, on = functions) =>
  on.invoke(arnOf(name), event, { identityId: randomUUID(), timeoutMs });
const failed = (reason: string, message: string | RegExp = /./) =>
  expect.objectContaining({ name: 'FunctionError', reason, message: expect.stringMatching(message) });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'functions-'));
  for (const [name, source] of Object.entries(HANDLERS)) await writeFile(moduleOf(name), source);
  functions = createLocalFunctions({
    modules: {
      ...Object.fromEntries(Object.keys(HANDLERS).map((name) => [name, moduleOf(name)])),
      'sync-trigger': new URL('functions/sync-trigger.ts', ROOT),
      'not-there': moduleOf('not there'),
    },
    region: 'eu-west-1',
    rulesFile,
  });
});
afterAll(async () => {
  functions.close();
  await rm(directory, { recursive: true });
});

describe('a local function', () => {
  it('receives its event and returns its result as JSON', async () => {
    const event = JSON.parse('{"__proto__":{"a":1},"text":"\\ud83d \\u0000 é","list":[null,1.5,true]}');
    const result = await invoke('echo', event);
    expect(result).toEqual(event);
    expect(Object.keys(result ?? {})).toEqual(['__proto__', 'text', 'list']);
  });

  it('receives a context', async () => {
    expect(await invoke('context', {}, 5_000)).toMatchObject({
      functionName: 'context',
      invokedFunctionArn: arnOf('context'),
      awsRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      left: expect.closeTo(5_000, -3),
    });
  });

  it('can be a function that is also deployed to AWS', async () => {
    const event = {
      version: 2,
      eventType: 'SyncTrigger',
      datasetRecords: { a: { newValue: '1', op: 'replace' } },
    };
    expect(await invoke('sync-trigger', event)).toEqual(event);
  });

  it('keeps its thread between calls', async () => {
    expect([await invoke('count'), await invoke('count'), await invoke('count')]).toEqual([1, 2, 3]);
  });

  it.each([
    ['another name', arnOf('never')],
    ['another region', arnOf('echo', 'us-east-1')],
    ['an alias', `${arnOf('echo')}:live`],
    ['no ARN', 'echo'],
    ['a member of every object', arnOf('constructor')],
  ])('is not found by %s', async (_, arn) => {
    await expect(functions.invoke(arn, {}, { identityId: '', timeoutMs: TIMEOUT_MS })).rejects.toEqual(
      failed('not-found'),
    );
  });

  it.each([
    ['throws', /^not that one$/],
    ['rejects', /^not this one$/],
    ['throws a string', /^plain$/],
    ['throws undefined', /^undefined$/],
    ['throws an object without a prototype', /./],
    ['throws an object with a throwing getter', /./],
    ['throws an error with an invalid message', /without a message/],
    ['throws a proxy that cannot be inspected', /without a message/],
    ['throws an error that cannot be logged', /^not logged$/],
    ['throws an uncaught error with an invalid message', /without a message/],
    ['throws an uncaught string', /^plain$/],
    ['exits', /exit code 0/],
    ['exits with 3', /exit code 3/],
    ['throws an uncaught error', /^left behind \(.*misbehave\.mjs:\d+:\d+\)$/],
    ['leaves a rejection unhandled', /^left behind \(.*misbehave\.mjs:\d+:\d+\)$/],
    ['returns a BigInt', /BigInt/],
    ['returns a circular object', /circular/],
    ['returns too much', /larger than 6291456 bytes/],
    ['returns an object with a throwing toJSON', /^no JSON of this$/],
  ])('that %s fails, and works on the next call', async (way, message) => {
    const own = create({ misbehave: moduleOf('misbehave') });
    await expect(invoke('misbehave', { way }, TIMEOUT_MS, own)).rejects.toEqual(failed('threw', message));
    expect(await invoke('misbehave', { way: 'fine' }, TIMEOUT_MS, own)).toBeGreaterThan(0);
  });

  it.each([
    ['returns undefined', null],
    ['returns a function', null],
    ['returns a symbol', null],
    ['returns NaN', { value: null }],
    ['returns the maximum', expect.stringMatching(/^x{9}/)],
  ])('that %s succeeds; the caller receives the result as JSON represents it', async (way, result) => {
    expect(await invoke('misbehave', { way })).toEqual(result);
  });

  it.each([
    ['null', null],
    ['a string', 'text'],
    ['an array', []],
    ['an empty object', {}],
    ['an answer', { answer: '"forged"' }],
    ['an answer with an id', { id: 1, answer: '"forged"' }],
    ['an answer that is not a string', { answer: null }],
    ['an error', { error: 'forged' }],
    ['an error that is not a string', { error: { toString: 1, valueOf: 1 } }],
  ])('that posts %s to its parent still succeeds with its own result', async (_, message) => {
    expect(await invoke('posts', { message })).toBe('own answer');
  });

  it.each(['posts-at-load', 'closes-port'])('cannot interfere with the call protocol: %s', async (name) => {
    for (const _ of [1, 2]) expect(await invoke(name)).toBe('own answer');
  });

  it.each([
    ['null', null],
    ['a string', 'text'],
    ['an empty object', {}],
    ['an answer that is not a string', { answer: { toString: 1, valueOf: 1 } }],
    ['an error that is not a string', { error: { toString: 1, valueOf: 1 } }],
  ])('that replies with %s instead of an answer times out', async (_, message) => {
    const own = create({ 'patches-port': moduleOf('patches-port') });
    await expect(invoke('patches-port', { message }, 500, own)).rejects.toEqual(failed('timed-out'));
  });

  it('that exits after it has returned succeeds, even if the calling process is busy', async () => {
    const own = create({ misbehave: moduleOf('misbehave') });
    await invoke('misbehave', { way: 'fine' }, TIMEOUT_MS, own);
    const result = invoke('misbehave', { way: 'returns and exits' }, TIMEOUT_MS, own);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    expect(await result).toBe('answer');
  });

  it.each(['never returns', 'loops', 'loops in toJSON', 'sleeps'])(
    'that %s is terminated at its timeout, and works on the next call in a new thread',
    async (way) => {
      const own = create({ misbehave: moduleOf('misbehave') });
      expect(await invoke('misbehave', { way: 'fine' }, TIMEOUT_MS, own)).toBe(1);
      const startedAt = performance.now();
      await expect(invoke('misbehave', { way }, 300, own)).rejects.toEqual(failed('timed-out', /300 ms/));
      expect(performance.now() - startedAt).toBeLessThan(10_000);
      expect(await invoke('misbehave', { way: 'fine' }, TIMEOUT_MS, own)).toBe(1);
    },
  );

  it.each([
    ['never returns', 'it took longer than 300 ms'],
    ['loops', 'it took longer than 300 ms'],
    ['exits with 3', 'it ended itself with exit code 3'],
    ['returns and exits', 'it ended itself with exit code 0'],
    ['returns and throws', 'it threw after it had responded'],
    ['returns and rejects', 'it threw after it had responded'],
    ['throws an uncaught error', 'it threw an uncaught error'],
    ['leaves a rejection unhandled', 'it threw an uncaught error'],
  ])('that %s is logged without the text of the thrown error: %s', async (way, reason) => {
    const lines: string[] = [];
    const own = create({ misbehave: moduleOf('misbehave') }, lines);
    await invoke('misbehave', { way: 'fine' }, TIMEOUT_MS, own);
    const timeoutMs = reason.includes('300 ms') ? 300 : TIMEOUT_MS;
    await Promise.allSettled([invoke('misbehave', { way }, timeoutMs, own)]);
    await expect.poll(() => lines).toEqual([`misbehave: ${reason}`]);
    expect(await invoke('misbehave', { way: 'fine' }, TIMEOUT_MS, own)).toBe(1);
    own.close();
    expect(lines).toHaveLength(1);
  });

  // Exhausting the memory takes seconds, so one test covers both the error and the log.
  it('that exhausts its memory fails, is logged without the text of the error, and works on the next call', async () => {
    const lines: string[] = [];
    const own = create({ misbehave: moduleOf('misbehave') }, lines);
    const exhausting = invoke('misbehave', { way: 'exhausts its memory' }, TIMEOUT_MS, own);
    await expect(exhausting).rejects.toEqual(failed('threw', /memory/));
    await expect.poll(() => lines).toEqual(['misbehave: it ran out of memory']);
    expect(await invoke('misbehave', { way: 'fine' }, TIMEOUT_MS, own)).toBe(1);
    own.close();
    expect(lines).toHaveLength(1);
  });

  it('is not logged if it throws to its caller or is closed', async () => {
    const lines: string[] = [];
    const own = create({ misbehave: moduleOf('misbehave') }, lines);
    await expect(invoke('misbehave', { way: 'throws' }, TIMEOUT_MS, own)).rejects.toEqual(failed('threw'));
    const stuck = Promise.allSettled([invoke('misbehave', { way: 'loops' }, TIMEOUT_MS, own)]);
    own.close();
    await stuck;
    expect(lines).toEqual([]);
  });

  it.each([
    ['throws-at-load', 'threw', /^not loadable \(.*throws-at-load\.mjs:1:7\)$/],
    ['syntax-error', 'threw', /./],
    ['no-handler', 'threw', /exports no handler/],
    ['handler-is-text', 'threw', /exports no handler/],
    ['not-there', 'threw', /Cannot find module/],
    ['loops-at-load', 'timed-out', /./],
  ])('that cannot be loaded fails on each call: %s', async (name, reason, message) => {
    for (const _ of [1, 2]) {
      await expect(invoke(name, {}, name === 'loops-at-load' ? 300 : TIMEOUT_MS)).rejects.toEqual(
        failed(reason, message),
      );
    }
  });

  it('is loaded again once its module is fixed', async () => {
    await writeFile(moduleOf('repaired'), HANDLERS['syntax-error'] ?? '');
    const own = create({ repaired: moduleOf('repaired') });
    await expect(invoke('repaired', {}, TIMEOUT_MS, own)).rejects.toEqual(failed('threw'));
    await writeFile(moduleOf('repaired'), HANDLERS.echo ?? '');
    expect(await invoke('repaired', { a: 1 }, TIMEOUT_MS, own)).toEqual({ a: 1 });
  });

  it('runs up to four calls concurrently, each in its own thread, and queues all further calls', async () => {
    const own = await mkdtemp(join(directory, 'together-'));
    const call = (calls: number) => invoke('together', { directory: own, calls });
    const threads = await Promise.all([call(4), call(4), call(4), call(4)]);
    expect(new Set(threads).size).toBe(4);
    const further = await Promise.all(Array.from({ length: 12 }, () => call(4)));
    for (const thread of further) expect(thread).toBeOneOf(threads);
  });

  it('runs a queued call in a thread that becomes free, even if a new thread is still loading', async () => {
    const own = create({ 'slow-second': moduleOf('slow-second') });
    const call = (ms: number) => invoke('slow-second', { ms }, TIMEOUT_MS, own);
    const thread = await call(0);
    expect(await Promise.all([call(100), call(0)])).toEqual([thread, thread]);
  });

  it('runs queued calls in order of arrival', async () => {
    const own = createLocalFunction({
      functionName: 'threads',
      module: moduleOf('threads').href,
      region: 'eu-west-1',
      rulesFile: pathToFileURL(rulesFile).href,
    });
    onTestFinished(() => own.close());
    const invokeOwn = (ms: number) =>
      own.invoke(JSON.stringify({ ms }), { identityId: randomUUID(), timeoutMs: TIMEOUT_MS });
    const ended: string[] = [];
    const call = (name: string) => invokeOwn(20).then(() => ended.push(name));
    const stuck = Promise.allSettled([1, 2, 3].map(() => invokeOwn(60_000)));
    // The last call arrives when the second call already has a thread but has not started yet.
    const last = invokeOwn(20).then(() => call('last'));
    await Promise.all([call('second'), call('third'), last]);
    expect(ended).toEqual(['second', 'third', 'last']);
    own.close();
    await stuck;
  });

  it('is throttled if all threads stay busy for the timeout of the call', async () => {
    const own = create({ misbehave: moduleOf('misbehave') });
    const stuck = Array.from({ length: 4 }, () => invoke('misbehave', { way: 'never returns' }, 2_000, own));
    const late = Promise.allSettled(stuck);
    await expect(invoke('misbehave', { way: 'fine' }, 200, own)).rejects.toEqual(failed('throttled'));
    const waited = invoke('misbehave', { way: 'fine' }, TIMEOUT_MS, own);
    expect(await waited).toBe(1);
    for (const { status } of await late) expect(status).toBe('rejected');
  });

  it('leaves threads to other identities while the calls of one identity take long', async () => {
    const own = create({ misbehave: moduleOf('misbehave') });
    const as = (identityId: string, way: string) =>
      own.invoke(arnOf('misbehave'), { way }, { identityId, timeoutMs: TIMEOUT_MS });
    const slow = Promise.allSettled(Array.from({ length: 6 }, () => as('slow', 'never answers')));
    const quick = await Promise.all(Array.from({ length: 8 }, () => as('quick', 'fine')));
    expect(quick).toHaveLength(8);
    own.close();
    await slow;
  });

  it('has its full timeout from the moment when it gets a thread, even if the call was queued', async () => {
    const own = create({ remaining: moduleOf('remaining') });
    const call = (ms: number) =>
      own.invoke(arnOf('remaining'), { ms }, { identityId: 'one', timeoutMs: 5_000 });
    const [first, second, waited] = await Promise.all([call(1_000), call(1_000), call(0)]);
    for (const left of [first, second, waited]) expect(left).toBeGreaterThan(4_000);
  });

  it('is terminated immediately when it is closed', async () => {
    const own = createLocalFunctions({
      modules: { misbehave: moduleOf('misbehave') },
      region: 'eu-west-1',
      rulesFile,
    });
    const calls = Array.from({ length: 6 }, () => invoke('misbehave', { way: 'loops' }, 60_000, own));
    const outcomes = Promise.allSettled(calls);
    const startedAt = performance.now();
    own.close();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(FunctionError) });
    }
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    await expect(invoke('misbehave', { way: 'fine' }, TIMEOUT_MS, own)).rejects.toEqual(failed('throttled'));
  });

  it('does not keep the process running', async () => {
    const script = `
      const { createLocalFunctions } = await import(${JSON.stringify(new URL('infra/local/functions/local-functions.ts', ROOT).href)});
      const functions = createLocalFunctions({
        modules: { echo: new URL(${JSON.stringify(moduleOf('echo').href)}) }, region: 'eu-west-1',
        rulesFile: ${JSON.stringify(rulesFile)} });
      console.log(await functions.invoke(${JSON.stringify(arnOf('echo'))}, ['done'], { identityId: '', timeoutMs: 60_000 }));`;
    const program = join(directory, 'program.mjs');
    await writeFile(program, script);
    const startedAt = performance.now();
    const { stdout } = await promisify(execFile)(process.execPath, [program]);
    expect(stdout).toContain('done');
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });
});
