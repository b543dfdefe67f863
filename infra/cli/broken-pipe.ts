/**
 * Calls `end` once if the reader of an output has gone, for example `head`. A program that reads no more of the output
 * expects the process to end, as the signal SIGPIPE would end it. Node ignores that signal and throws instead. Other
 * errors of an output, such as a full disk, end nothing.
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
