import { parentPort, workerData } from 'node:worker_threads';
import { loadRules } from './load-rules.ts';

// This module runs in the worker thread of `findLoadProblem`. If this module throws, `findLoadProblem` receives the
// error as the worker's `error` event.
await loadRules(String(workerData));
parentPort?.postMessage('loaded');
// The file may have left a timer or connection open, which must not keep the thread alive.
process.exit();
