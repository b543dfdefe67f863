import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * `npm run deploy -- --stage prod`: shows the changes, asks for confirmation, deploys the stack and then migrates the
 * database. Fails if the operator does not confirm, or if the deployment or the migration fails.
 *
 * `--yes` deploys without asking. `--new=NAME` creates a resource again that remained when the stack was removed. Use
 * `--new` if the resource cannot be imported. All other options are those of `serverless deploy`.
 */
const SERVERLESS = fileURLToPath(new URL('../../node_modules/serverless/bin/serverless.js', import.meta.url));
/** Options of `serverless deploy` that `serverless invoke` also has, with the same meaning. */
const SHARED = new Set(['--stage', '-s', '--region', '-r', '--aws-profile', '--param', '--config', '-c']);

/**
 * Time that `serverless invoke` waits for the function `migrate`. It is longer than the 15 minutes for which `migrate`
 * can run. If the wait ended first, the SDK would invoke `migrate` again while the first invocation is still running.
 */
const MIGRATION_WAIT_MS = 16 * 60 * 1000;

const NEW = /^--new=/;
const isOwn = (arg: string) => arg === '--yes' || NEW.test(arg);
const own = process.argv.slice(2).filter(isOwn);
const given = process.argv.slice(2).filter((arg) => !isOwn(arg));
/** The variables of `serverless deploy`. infra/stack/deployment/confirm-plugin.ts reads those that start with DEPLOY. */
const confirmation = {
  // The framework's animation would overwrite the question. The framework shows no animation if CI is set.
  CI: 'true',
  DEPLOY_YES: own.includes('--yes') ? 'on' : '',
  DEPLOY_NEW: own
    .filter((arg) => NEW.test(arg))
    .map((arg) => arg.replace(NEW, ''))
    .join(','),
};
const steps = [
  { args: ['deploy', ...given], env: confirmation, failed: 'nothing was migrated' },
  {
    args: ['invoke', '--function', 'migrate', ...shared(given)],
    env: { AWS_CLIENT_TIMEOUT: String(MIGRATION_WAIT_MS) },
    failed:
      'the stack is deployed, but its database is not at the current schema; fix the cause and run this command again',
  },
];

for (const { args, env, failed } of steps) {
  console.error(`> serverless ${shown(args).join(' ')}`);
  const { status } = spawnSync(process.execPath, [SERVERLESS, ...args], {
    // If standard input were a pipe, `serverless invoke` would wait for it and read it as the function's event.
    stdio: [process.stdin.isTTY ? 'inherit' : 'ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  if (status !== 0) {
    console.error(`deploy: serverless ${args[0]} failed: ${failed}`);
    process.exitCode = 1;
    break;
  }
}

/** Hides the values of parameters in the printed command, because a value can be a database URL with a password. */
function shown(args: readonly string[]): string[] {
  return args.map((arg) => arg.replace(/^((?:--param=)?[A-Za-z]+)=.*$/s, '$1=…'));
}

/**
 * Returns the given options that SHARED lists, with their values. A value is given as `--name value` or `--name=value`.
 */
function shared(args: readonly string[]): string[] {
  return args.flatMap((arg, index) => {
    const [name = ''] = arg.split('=', 1);
    if (!SHARED.has(name)) return [];
    const value = args[index + 1];
    return name === arg && value !== undefined ? [arg, value] : [arg];
  });
}
