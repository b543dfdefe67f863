import { startLocalCloud } from '../../infra/local/start-local-cloud.ts';

// Runs a local cloud in a process separate from the client: `lag-cloud.ts [<database URL>]`. Prints its URL. Exits when
// its standard input ends, that is, with the parent process.
const [, , databaseUrl] = process.argv;
const cloud = await startLocalCloud({ databaseUrl });
process.stdin.once('end', () => void cloud.close().finally(() => process.exit())).resume();
console.log(cloud.url);
