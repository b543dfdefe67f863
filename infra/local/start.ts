import { onBrokenPipe } from '../cli/broken-pipe.ts';

// If the reader of the output is gone, this handler waits for the module below, which ends the process.
onBrokenPipe([process.stdout], () => undefined);
// Loading the other modules takes up to a second.
console.log('cognito-sync-backend: starting');
await import('./run-start.ts');
