import { startLocalCloud } from '../../infra/local/start-local-cloud.ts';
import { insertDatasets } from '../fixtures/database/many-datasets.ts';
import type { CloudOptions } from './start-process.ts';

// Runs a local cloud in a process separate from its clients: `cloud-process.ts <CloudOptions as JSON>`. Prints the
// addresses of the cloud as JSON. Exits when standard input ends, so it does not outlive the parent process.
const { datasets = 0, ...options }: CloudOptions = JSON.parse(process.argv[2] ?? '{}');
const { url, sqlUrl, database, close } = await startLocalCloud(options);
await insertDatasets(database, datasets);
process.stdin.once('end', () => void close().finally(() => process.exit())).resume();
console.log(JSON.stringify({ url, sqlUrl }));
