/**
 * Calls `end` once if the program that reads an output, for example `head`, has closed the output. Such a program
 * expects this process to end, as the signal SIGPIPE would end it. Node ignores that signal and reports an error
 * instead. For other errors of an output, such as a full disk, `end` is not called.
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
