import { createPayloadFetch } from '../../lib/aws/payload-fetch.ts';
import {
  DEFAULT_DATA_DIR,
  type Environment,
  readDatabaseUrl,
  readLocalConfig,
  readPayloadPolicy,
} from '../../lib/config.ts';
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
    // The region is that of `npm start`, of whose variables a command needs no other.
    const { region } = readLocalConfig({ AWS_REGION: env.AWS_REGION });
    const policy = readPayloadPolicy({ ...env, AWS_REGION: region });
    return await runOperatorCommand(commandLine, {
      databaseUrl: env.DATABASE_URL ? readDatabaseUrl(env) : undefined,
      dataDir: env.DATA_DIR || DEFAULT_DATA_DIR,
      deps: {
        fetchPayload: createPayloadFetch({ policy, now: Date.now }),
        print: console.log,
        now: Date.now,
      },
    });
  } catch (error) {
    if (error instanceof SetupError) return { exitCode: 1, error: error.message };
    throw error;
  }
}
