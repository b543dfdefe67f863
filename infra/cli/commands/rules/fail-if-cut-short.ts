/**
 * Does work that runs the user's code, which can end the process, or wait for what never comes. Then nothing was done
 * that could count, whatever exit code it ended with.
 */
export async function failIfCutShort(work: () => Promise<void>): Promise<void> {
  process.once('exit', tellOfEnd);
  try {
    await work();
  } finally {
    process.off('exit', tellOfEnd);
  }
}

function tellOfEnd(): void {
  process.exitCode = 1;
  process.stderr.write('cognito-sync-backend: the rules file ended the process\n');
}
