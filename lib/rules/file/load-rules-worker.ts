import { parentPort, workerData } from 'node:worker_threads';
import { loadRules } from './load-rules.ts';

// Runs in the worker thread of `findLoadProblem`. That function receives an error that is thrown here as the worker's
// `error` event.
await loadRules(String(workerData));
parentPort?.postMessage('loaded');
// The file may have left a timer or connection open, which must not keep the thread alive.
process.exit();
