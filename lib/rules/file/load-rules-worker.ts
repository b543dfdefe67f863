import { parentPort, workerData } from 'node:worker_threads';
import { loadRules } from './load-rules.ts';

// The thread of `findLoadProblem`, which receives an error thrown here as the worker's `error` event.
await loadRules(String(workerData));
parentPort?.postMessage('loaded');
// The file may have left a timer or connection open, which must not keep the thread alive.
process.exit();
