import { createPayloadFetch } from '../../lib/aws/payload-fetch.ts';
import { type Environment, readDatabaseUrl, readPayloadPolicy } from '../../lib/config.ts';
import { SetupError } from '../../lib/errors.ts';
import type { Outcome } from '../../lib/operator/run-command.ts';
import { usage } from '../../lib/operator/usage.ts';
import { runOperatorCommand } from './run-operator-command.ts';

/** `npx cognito-sync-backend <command>`: works on the database that the environment names. */
const commandLine = process.argv.slice(2);
if (commandLine.some((argument) => argument === '--help' || argument === '-h')) {
  console.log(usage(commandLine[0]));
} else {
  const { exitCode, error } = await run(process.env);
  if (error !== undefined) console.error(`cognito-sync-backend: ${error}`);
  process.exitCode = exitCode;
}

async function run(env: Environment): Promise<Outcome> {
  try {
    return await runOperatorCommand(commandLine, {
      databaseUrl: env.DATABASE_URL ? readDatabaseUrl(env) : undefined,
      dataDir: env.DATA_DIR || '.data',
      deps: {
        // Only where a payload is fetched does it matter from which region.
        fetchPayload: (url) => createPayloadFetch({ policy: readPayloadPolicy(env), now: Date.now })(url),
        print: console.log,
        now: Date.now,
      },
    });
  } catch (error) {
    if (error instanceof SetupError) return { exitCode: 1, error: error.message };
    throw error;
  }
}
