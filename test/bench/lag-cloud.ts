import { startLocalCloud } from '../../infra/local/start-local-cloud.ts';

// A process of its own, beside the one that puts and looks: `lag-cloud.ts [<database URL>]`. Prints where it answers,
// and ends with the one who asks, however that ends.
const [, , databaseUrl] = process.argv;
const cloud = await startLocalCloud({ databaseUrl });
process.stdin.once('end', () => void cloud.close().finally(() => process.exit())).resume();
console.log(cloud.url);
