import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { DEFAULT_CREDENTIALS, DEFAULT_DATA_DIR, DEFAULT_SQL_PORT } from '../../lib/common/environment.ts';
import { isAnyAddress, isLoopback } from '../../lib/common/loopback.ts';
import { isOwnRulesFile } from '../../lib/rules/file/rules-path.ts';
import { shortPath } from '../cli/terminal/short-path.ts';
import type { LocalConfig } from './local-config.ts';
import { STREAM_NAME } from './names.ts';
import type { LocalCloud } from './start-local-cloud.ts';

const EXAMPLE = fileURLToPath(new URL('../../docs/examples/stream-event.json', import.meta.url));

/**
 * Formats the text that `npm start` prints when all services respond: their addresses, lines to paste into a terminal,
 * and examples.
 */
export function readyBox(
  { url, sqlUrl, dataDir }: LocalCloud,
  { host, region, credentials, databaseUrl, sqlPort, logins, rulesFile, dataDir: givenDataDir }: LocalConfig,
): string {
  const services = [
    ['Sync', `${url}  (Cognito Sync and Cognito Identity)`],
    ...(isLoopback(host) ? [] : clientUrls(host, new URL(url).port)).map((one, index) => [
      index === 0 ? 'Phones' : '',
      one,
    ]),
    ['Logins', logins === 'trusted' ? 'not verified: any token is accepted' : 'verified'],
    ['Rules', isOwnRulesFile(rulesFile) ? shortPath(rulesFile) : 'no sync-rules.ts: any change is accepted'],
    ['Kinesis', `${url}  (stream ${STREAM_NAME})`],
    ['SQL', databaseUrl === undefined ? `${sqlUrl}  (read-only)` : 'the server that DATABASE_URL names'],
    ['Console', `${url}/console`],
    ['Health', `${url}/healthz`],
    ['Data', dataDir],
  ];
  const others = [
    ...(databaseUrl === undefined && sqlPort !== DEFAULT_SQL_PORT ? [`PG_PORT=${new URL(sqlUrl).port}`] : []),
    ...(givenDataDir !== DEFAULT_DATA_DIR ? [`DATA_DIR=${dataDir}`] : []),
    ...(databaseUrl === undefined ? [] : ['DATABASE_URL=<the value this process was started with>']),
  ];
  return [
    box([
      'cognito-sync-backend is ready',
      '',
      ...services.map(([name, value]) => `${name?.padEnd(8)} ${value}`),
    ]),
    '',
    'Paste into another terminal:',
    '',
    `  export AWS_ENDPOINT_URL=${url} AWS_REGION=${region} AWS_DEFAULT_REGION=${region}`,
    `  export AWS_ACCESS_KEY_ID=${credentials.accessKeyId} AWS_SECRET_ACCESS_KEY=${shown(credentials.secretAccessKey)}`,
    '  unset AWS_SESSION_TOKEN',
    ...(others.length > 0 ? [`  export ${others.join(' ')}`] : []),
    '',
    'Then put a Cognito stream event on the stream, and read its records in SQL:',
    '',
    `  aws kinesis put-record --stream-name ${STREAM_NAME} --partition-key me --data fileb://${shortPath(EXAMPLE)}`,
    `  psql ${databaseUrl === undefined ? `'${sqlUrl}'` : '"$DATABASE_URL"'} -c 'select * from query.records'`,
    '',
    'Or run the demo with two devices:',
    '',
    '  npx cognito-sync-backend demo',
    '',
    'To watch each sync: npx cognito-sync-backend tail',
    '',
    'Stop with Ctrl+C.',
  ].join('\n');
}

/** Returns the URLs at which other machines, such as phones, reach the service. */
export function clientUrls(
  host: string,
  port: string,
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces(),
): string[] {
  const found = Object.values(interfaces).flatMap((addresses = []) =>
    addresses.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address),
  );
  const hosts = isAnyAddress(host) && found.length > 0 ? found : [host.includes(':') ? `[${host}]` : host];
  return hosts.map((one) => `http://${one}:${port}`);
}

/** Returns the secret if it is the default secret. Returns a placeholder if the operator has set another secret. */
function shown(secret: string): string {
  return secret === DEFAULT_CREDENTIALS.secretAccessKey
    ? secret
    : '<the value this process was started with>';
}

function box(lines: readonly string[]): string {
  const width = Math.max(...lines.map((line) => line.length));
  const rows = lines.map((line) => `│ ${line.padEnd(width)} │`);
  return [`┌${'─'.repeat(width + 2)}┐`, ...rows, `└${'─'.repeat(width + 2)}┘`].join('\n');
}
