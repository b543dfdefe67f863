import {
  DEFAULT_CREDENTIALS,
  DEFAULT_REGION,
  readLogFormat,
  requireLogLevel,
} from '../../../lib/common/environment.ts';
import { messageOfThrown } from '../../../lib/common/thrown.ts';
import { readRulesFile } from '../../../lib/rules/file/rules-path.ts';
import { startLocalCloud } from '../start-local-cloud.ts';
import { seed } from './seed.ts';
import type { SeedIdentity, TestCloudOptions, TestCloudReply, TestCloudRequest } from './testing.ts';

// The process of a service for tests. testing.ts starts it and talks to it through its IPC channel.
process.umask(0o077);
const { rulesFile }: TestCloudOptions = JSON.parse(process.argv[2] ?? '{}');
const send = (reply: TestCloudReply) => process.connected && process.send?.(reply);

try {
  requireLogLevel(process.env);
  readLogFormat(process.env, { isTerminal: false });
  const env = rulesFile === undefined ? process.env : { SYNC_RULES: rulesFile };
  const cloud = await startLocalCloud({ rulesFile: readRulesFile(env) });
  const service = { endpoint: cloud.url, region: DEFAULT_REGION, credentials: DEFAULT_CREDENTIALS };
  const end = () => cloud.close().then(() => process.exit(0));
  process.once('disconnect', end);
  // Ctrl+C in the terminal also ends the test runner. This closes the channel, and the event `disconnect` ends this
  // process.
  process.on('SIGINT', () => undefined);
  process.on('message', async ({ id, call, identities }: TestCloudRequest) => {
    try {
      if (call === 'reset') await cloud.reset();
      if (call === 'close') await cloud.close();
      const result = call === 'seed' ? await seed(service, identities as SeedIdentity[]) : [];
      send({ id, result });
      if (call === 'close') process.exit(0);
    } catch (error) {
      send({ id, error: messageOfThrown(error) });
      // The caller cannot close the service again, so the process must not remain. It exits when the reply is sent.
      if (call === 'close') process.disconnect();
    }
  });
  // If the caller ended during the start, `disconnect` was emitted before the listener was added.
  if (!process.connected) await end();
  send({ id: 0, url: cloud.url, sqlUrl: cloud.sqlUrl });
} catch (error) {
  send({ id: 0, error: messageOfThrown(error) });
  process.exitCode = 1;
  process.disconnect?.();
}
