/**
 * Calls `end` once if the program that reads an output has closed the output, as `head` does after some lines. Such a
 * program expects this process to end. The signal SIGPIPE would do that, but Node ignores the signal and reports the
 * error EPIPE instead. For other errors of an output, such as a full disk, `end` is not called.
 */
export function onBrokenPipe(outputs: readonly NodeJS.WritableStream[], end: () => void): void {
  let ended = false;
  for (const output of outputs) {
    output.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code !== 'EPIPE' || ended) return;
      ended = true;
      end();
    });
  }
}
