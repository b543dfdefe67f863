import { startLocalCloud } from '../../infra/local/start-local-cloud.ts';
import { insertDatasets } from '../fixtures/database/many-datasets.ts';
import type { CloudOptions } from './start-process.ts';

// Runs a local cloud in a process separate from its clients: `cloud-process.ts <CloudOptions as JSON>`. Prints its
// addresses as JSON. Exits when its standard input ends, that is, with the parent process.
const { datasets = 0, ...options }: CloudOptions = JSON.parse(process.argv[2] ?? '{}');
const { url, sqlUrl, database, close } = await startLocalCloud(options);
await insertDatasets(database, datasets);
process.stdin.once('end', () => void close().finally(() => process.exit())).resume();
console.log(JSON.stringify({ url, sqlUrl }));
