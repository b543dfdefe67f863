import { setFlagsFromString } from 'node:v8';
import { Worker, type WorkerOptions } from 'node:worker_threads';

// Node 24 contains V8 13.6, which has the bug that `startThread` describes. Newer versions of Node contain the fix.
const hasBug = process.versions.node.startsWith('24.');

let isCodeKept = false;

/**
 * Starts a thread. Use this function instead of `new Worker`, because on Node 24 a thread that ends can crash the
 * process. V8 shares the machine code of calls from WebAssembly to JavaScript among all threads, and frees the code
 * that no thread uses anymore. If another thread requests the same code at that moment, V8 frees the code twice and
 * aborts the process: `Check failed: jit_page_->allocations_.erase(addr) == 1`. Every thread uses WebAssembly, because
 * Node's TypeScript loader is WebAssembly. PGlite is WebAssembly, too.
 *
 * On Node 24, this function therefore disables V8's garbage collection of WebAssembly code, for the whole process and
 * before the first thread starts. The code of a module is still freed together with the module.
 *
 * Source: https://github.com/nodejs/node/issues/66366, https://github.com/v8/v8/commit/9b8ca54d5a
 *
 * @param file a JavaScript or TypeScript file
 */
export function startThread(file: URL, options: WorkerOptions = {}): Worker {
  if (hasBug && !isCodeKept) {
    setFlagsFromString('--no-wasm-code-gc');
    isCodeKept = true;
  }
  return new Worker(file, options);
}
