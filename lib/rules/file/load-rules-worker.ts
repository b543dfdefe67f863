import { parentPort, workerData } from 'node:worker_threads';
import { loadRules } from './load-rules.ts';

// The thread of `findLoadProblem`. An error that is thrown here reaches it as the worker's `error` event.
await loadRules(String(workerData));
parentPort?.postMessage('loaded');
// A file may have left a timer or a connection open, which must not keep the thread.
process.exit();
