import { startLocalCloud } from '../../infra/local/start-local-cloud.ts';
import { insertDatasets } from '../fixtures/database/many-datasets.ts';

// Runs a local cloud in a process separate from the client: `lag-cloud.ts <datasets to insert> [<database URL>]`.
// Prints its URL and its SQL address. Exits when its standard input ends, that is, with the parent process.
const [, , datasets, databaseUrl] = process.argv;
const cloud = await startLocalCloud({ databaseUrl });
await insertDatasets(cloud.database, Number(datasets));
process.stdin.once('end', () => void cloud.close().finally(() => process.exit())).resume();
console.log(JSON.stringify({ url: cloud.url, sqlUrl: cloud.sqlUrl }));
