import { SetupError } from '../../lib/common/errors.ts';
import { readLocalConfig } from './local-config.ts';
import { readyBox } from './ready-box.ts';
import { startLocalCloud } from './start-local-cloud.ts';

/** Time limit for stopping, because users do not wait longer. The next start retries work that was interrupted. */
const STOP_TIMEOUT_MS = 1_300;

// All files in the data directory are private, including files that libraries create without a mode.
process.umask(0o077);

try {
  const config = readLocalConfig(process.env);
  const cloud = await startLocalCloud(config);
  console.log(readyBox(cloud, config));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      setTimeout(() => process.exit(0), STOP_TIMEOUT_MS).unref();
      cloud.close().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error);
          process.exit(1);
        },
      );
    });
  }
} catch (error) {
  console.error(error instanceof SetupError ? `cognito-sync-backend: ${error.message}` : error);
  process.exit(1);
}
