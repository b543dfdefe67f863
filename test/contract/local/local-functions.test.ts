import { execFile } from 'node:child_process';
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
const TIMEOUT_MS = 10_000;

/** Each is a module of its own. `calls` counts the invocations of one thread. */
const HANDLERS: Record<string, string> = {
  echo: 'export const handler = async (event) => event;',
  context: `export const handler = async (event, context) => ({
    ...context, left: context.getRemainingTimeInMillis(), then: 0 });`,
  count: 'let calls = 0; export const handler = async () => (calls += 1);',
  threads: `import { threadId } from 'node:worker_threads';
    export const handler = async ({ ms }) => { await new Promise((done) => setTimeout(done, ms)); return threadId; };`,
  misbehave: `let calls = 0;
    const noText = { toString: 1, valueOf: 1 };
    const ways = {
      fine: () => calls,
      throws: () => { throw new TypeError('not that one'); },
      rejects: () => Promise.reject(new Error('not this one')),
      'throws text': () => { throw 'plain'; },
      'throws nothing': () => { throw undefined; },
      'throws the unprintable': () => { throw Object.create(null); },
      'throws a trap': () => { throw { get message() { throw new Error('trap'); }, [Symbol.toPrimitive]: 5 }; },
      'throws an error without text': () => { throw Object.assign(new Error(), { message: noText }); },
      'throws what may not be looked at': () => { throw new Proxy({}, { getPrototypeOf() { throw noText; } }); },
      'throws what cannot be logged': () => { throw Object.assign(new Error('not logged'), {
        [Symbol.for('nodejs.util.inspect.custom')]() { throw noText; } }); },
      'exits': () => process.exit(0),
      'exits with 3': () => process.exit(3),
      'leaves an error behind': () => { setTimeout(() => { throw new Error('left behind'); }); return new Promise(() => {}); },
      'leaves a rejection behind': () => { void Promise.reject(new Error('left behind')); return new Promise(() => {}); },
      'leaves an error without text behind': () => {
        setTimeout(() => { throw Object.assign(new Error(), { message: noText }); });
        return new Promise(() => {}); },
      'leaves text behind': () => { setTimeout(() => { throw 'plain'; }); return new Promise(() => {}); },
      'answers and throws': () => { setTimeout(() => { throw new Error('left behind'); }); return 'answer'; },
      'answers and rejects': () => { setTimeout(() => Promise.reject(new Error('left behind'))); return 'answer'; },
      'answers and exits': () => { setTimeout(() => process.exit(0)); return 'answer'; },
      'answers undefined': () => undefined,
      'answers a function': () => () => 1,
      'answers a symbol': () => Symbol('x'),
      'answers a BigInt': () => ({ value: 1n }),
      'answers in a circle': () => { const a = {}; a.a = a; return a; },
      'answers NaN': () => ({ value: NaN, missing: undefined }),
      'answers too much': () => 'x'.repeat(6 * 1024 * 1024),
      'answers as much as it may': () => 'x'.repeat(6 * 1024 * 1024 - 2),
      'answers what throws': () => ({ toJSON() { throw new Error('no JSON of this'); } }),
      'never answers': () => new Promise(() => {}),
      'loops': () => { for (;;); },
      'loops in JSON': () => ({ toJSON() { for (;;); } }),
      'sleeps': () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
      'eats memory': () => { const all = []; for (;;) all.push(new Array(1e5).fill(0.5)); },
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
  const tell = (line: string) => void lines.push(line);
  const logger = { error: tell, info: tell };
  const created = createLocalFunctions({ modules, region: 'eu-west-1', rulesFile, logger });
  onTestFinished(() => created.close());
  return created;
};
const invoke = (name: string, event: object = {}, timeoutMs = TIMEOUT_MS, on = functions) =>
  on.invoke(arnOf(name), event, { timeoutMs });
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
  it('gets the event and answers, both as JSON', async () => {
    const event = JSON.parse('{"__proto__":{"a":1},"text":"\\ud83d \\u0000 é","list":[null,1.5,true]}');
    const answer = await invoke('echo', event);
    expect(answer).toEqual(event);
    expect(Object.keys(answer ?? {})).toEqual(['__proto__', 'text', 'list']);
  });

  it('has a context', async () => {
    expect(await invoke('context', {}, 5_000)).toMatchObject({
      functionName: 'context',
      invokedFunctionArn: arnOf('context'),
      awsRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      left: expect.closeTo(5_000, -3),
    });
  });

  it('is the one that is deployed, too', async () => {
    const event = {
      version: 2,
      eventType: 'SyncTrigger',
      datasetRecords: { a: { newValue: '1', op: 'replace' } },
    };
    expect(await invoke('sync-trigger', event)).toEqual(event);
  });

  it('keeps its thread from one call to the next', async () => {
    expect([await invoke('count'), await invoke('count'), await invoke('count')]).toEqual([1, 2, 3]);
  });

  it.each([
    ['another name', arnOf('never')],
    ['another region', arnOf('echo', 'us-east-1')],
    ['an alias', `${arnOf('echo')}:live`],
    ['no ARN', 'echo'],
    ['a member of every object', arnOf('constructor')],
  ])('is not found by %s', async (_, arn) => {
    await expect(functions.invoke(arn, {}, { timeoutMs: TIMEOUT_MS })).rejects.toEqual(failed('not-found'));
  });

  it.each([
    ['throws', /^not that one$/],
    ['rejects', /^not this one$/],
    ['throws text', /^plain$/],
    ['throws nothing', /^undefined$/],
    ['throws the unprintable', /./],
    ['throws a trap', /./],
    ['throws an error without text', /without a message/],
    ['throws what may not be looked at', /without a message/],
    ['throws what cannot be logged', /^not logged$/],
    ['leaves an error without text behind', /without a message/],
    ['leaves text behind', /^plain$/],
    ['exits', /exit code 0/],
    ['exits with 3', /exit code 3/],
    ['leaves an error behind', /^left behind \(.*misbehave\.mjs:\d+:\d+\)$/],
    ['leaves a rejection behind', /^left behind \(.*misbehave\.mjs:\d+:\d+\)$/],
    ['answers a BigInt', /BigInt/],
    ['answers in a circle', /circular/],
    ['answers too much', /larger than 6291456 bytes/],
    ['answers what throws', /^no JSON of this$/],
    ['eats memory', /memory/],
  ])('that %s has failed, and works the next time', async (way, message) => {
    const own = create({ misbehave: moduleOf('misbehave') });
    await expect(invoke('misbehave', { way }, TIMEOUT_MS, own)).rejects.toEqual(failed('threw', message));
    expect(await invoke('misbehave', { way: 'fine' }, TIMEOUT_MS, own)).toBeGreaterThan(0);
  });

  it.each([
    ['answers undefined', null],
    ['answers a function', null],
    ['answers a symbol', null],
    ['answers NaN', { value: null }],
    ['answers as much as it may', expect.stringMatching(/^x{9}/)],
  ])('that %s has answered what JSON makes of it', async (way, answer) => {
    expect(await invoke('misbehave', { way })).toEqual(answer);
  });

  it.each([
    ['null', null],
    ['a text', 'text'],
    ['a list', []],
    ['an empty object', {}],
    ['an answer', { answer: '"forged"' }],
    ['an answer with an id', { id: 1, answer: '"forged"' }],
    ['an answer that is no text', { answer: null }],
    ['an error', { error: 'forged' }],
    ['an error that is no text', { error: { toString: 1, valueOf: 1 } }],
  ])('that posts %s to its parent is answered for by what it returns', async (_, message) => {
    expect(await invoke('posts', { message })).toBe('own answer');
  });

  it.each(['posts-at-load', 'closes-port'])('has no part in how it is called: %s', async (name) => {
    for (const _ of [1, 2]) expect(await invoke(name)).toBe('own answer');
  });

  it.each([
    ['null', null],
    ['a text', 'text'],
    ['an empty object', {}],
    ['an answer that is no text', { answer: { toString: 1, valueOf: 1 } }],
    ['an error that is no text', { error: { toString: 1, valueOf: 1 } }],
  ])('that replies with %s has not replied', async (_, message) => {
    const own = create({ 'patches-port': moduleOf('patches-port') });
    await expect(invoke('patches-port', { message }, 500, own)).rejects.toEqual(failed('timed-out'));
  });

  it('that ends itself after it has answered has answered, however late that is seen', async () => {
    const own = create({ misbehave: moduleOf('misbehave') });
    await invoke('misbehave', { way: 'fine' }, TIMEOUT_MS, own);
    const answer = invoke('misbehave', { way: 'answers and exits' }, TIMEOUT_MS, own);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    expect(await answer).toBe('answer');
  });

  it.each(['never answers', 'loops', 'loops in JSON', 'sleeps'])(
    'that %s is ended at its time-out, and works the next time in a new thread',
    async (way) => {
      const own = create({ misbehave: moduleOf('misbehave') });
      expect(await invoke('misbehave', { way: 'fine' }, TIMEOUT_MS, own)).toBe(1);
      const startedAt = performance.now();
      await expect(invoke('misbehave', { way }, 300, own)).rejects.toEqual(failed('timed-out', /300 ms/));
      expect(performance.now() - startedAt).toBeLessThan(3_000);
      expect(await invoke('misbehave', { way: 'fine' }, TIMEOUT_MS, own)).toBe(1);
    },
  );

  it.each([
    ['never answers', 'it took longer than 300 ms'],
    ['loops', 'it took longer than 300 ms'],
    ['exits with 3', 'it ended itself with exit code 3'],
    ['answers and exits', 'it ended itself with exit code 0'],
    ['answers and throws', 'it threw after it had responded'],
    ['answers and rejects', 'it threw after it had responded'],
    ['leaves an error behind', 'it threw an uncaught error'],
    ['leaves a rejection behind', 'it threw an uncaught error'],
    ['eats memory', 'it ran out of memory'],
  ])('that %s has a line in the log, without what it threw: %s', async (way, reason) => {
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

  it('that throws to its caller, or is closed, has no such line', async () => {
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
  ])('that cannot be loaded fails each time: %s', async (name, reason, message) => {
    for (const _ of [1, 2]) {
      await expect(invoke(name, {}, name === 'loops-at-load' ? 300 : TIMEOUT_MS)).rejects.toEqual(
        failed(reason, message),
      );
    }
  });

  it('is loaded anew once its module is mended', async () => {
    await writeFile(moduleOf('mended'), HANDLERS['syntax-error'] ?? '');
    const own = create({ mended: moduleOf('mended') });
    await expect(invoke('mended', {}, TIMEOUT_MS, own)).rejects.toEqual(failed('threw'));
    await writeFile(moduleOf('mended'), HANDLERS.echo ?? '');
    expect(await invoke('mended', { a: 1 }, TIMEOUT_MS, own)).toEqual({ a: 1 });
  });

  it('runs up to four calls at once, each in a thread of its own, and the others after them', async () => {
    const calls = await Promise.all(Array.from({ length: 12 }, () => invoke('threads', { ms: 20 })));
    expect(new Set(calls).size).toBe(4);
    expect(await invoke('threads', { ms: 0 })).toBeOneOf(calls);
  });

  it('takes calls in the order in which they came, where they had to wait', async () => {
    const own = createLocalFunction({
      functionName: 'threads',
      module: moduleOf('threads').href,
      region: 'eu-west-1',
      rulesFile: pathToFileURL(rulesFile).href,
    });
    onTestFinished(() => own.close());
    const invokeOwn = (ms: number) => own.invoke(JSON.stringify({ ms }), TIMEOUT_MS);
    const ended: string[] = [];
    const call = (name: string) => invokeOwn(20).then(() => ended.push(name));
    const stuck = Promise.allSettled([1, 2, 3].map(() => invokeOwn(60_000)));
    // The last comes when the second has its turn, but has not gone on yet.
    const last = invokeOwn(20).then(() => call('last'));
    await Promise.all([call('second'), call('third'), last]);
    expect(ended).toEqual(['second', 'third', 'last']);
    own.close();
    await stuck;
  });

  it('is throttled where all threads are busy for as long as a call may take', async () => {
    const own = create({ misbehave: moduleOf('misbehave') });
    const stuck = Array.from({ length: 4 }, () => invoke('misbehave', { way: 'never answers' }, 2_000, own));
    const late = Promise.allSettled(stuck);
    await expect(invoke('misbehave', { way: 'fine' }, 200, own)).rejects.toEqual(failed('throttled'));
    const waited = invoke('misbehave', { way: 'fine' }, TIMEOUT_MS, own);
    expect(await waited).toBe(1);
    for (const { status } of await late) expect(status).toBe('rejected');
  });

  it('is ended when the local cloud is, and waits for nothing', async () => {
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
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    await expect(invoke('misbehave', { way: 'fine' }, TIMEOUT_MS, own)).rejects.toEqual(failed('throttled'));
  });

  it('does not keep the process from ending', async () => {
    const script = `
      const { createLocalFunctions } = await import(${JSON.stringify(new URL('infra/local/functions/local-functions.ts', ROOT).href)});
      const functions = createLocalFunctions({
        modules: { echo: new URL(${JSON.stringify(moduleOf('echo').href)}) }, region: 'eu-west-1',
        rulesFile: ${JSON.stringify(rulesFile)} });
      console.log(await functions.invoke(${JSON.stringify(arnOf('echo'))}, ['done'], { timeoutMs: 60_000 }));`;
    const program = join(directory, 'program.mjs');
    await writeFile(program, script);
    const startedAt = performance.now();
    const { stdout } = await promisify(execFile)(process.execPath, [program]);
    expect(stdout).toContain('done');
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });
});
