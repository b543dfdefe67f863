import { onBrokenPipe } from './broken-pipe.ts';
import { runCommandLine } from './run-command-line.ts';

/** Runs `npx cognito-sync-backend <command>`. */
const { env, stdin, stdout, stderr } = process;
onBrokenPipe([stdout, stderr], () => process.exit());
process.exitCode = await runCommandLine(process.argv.slice(2), {
  env,
  stdin,
  stdout,
  stderr,
  onInterrupt: (stop) => process.once('SIGINT', stop),
});
