import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import type { LocalCloud } from '../../../infra/local/start-local-cloud.ts';
import { type KinesisEmulator, region, startKinesisEmulator } from '../../fixtures/aws/kinesis-emulator.ts';
import { createPostgresDatabase } from '../../fixtures/database/databases.ts';
import { operate } from '../../fixtures/local/operator.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';
import { startFunctionCloud } from '../../fixtures/wire/function-cloud.ts';

const KEYS = { accessKeyId: 'developer', secretAccessKey: 'Q9dXyL2mN8sT' };

/** A Kinesis emulator that represents AWS. It has neither the Cognito Sync API nor the keys of the service. */
let aws: KinesisEmulator;
let service: LocalCloud;
let databaseUrl: string;
/** The failure destination, without objects. */
let failures: string;
beforeAll(async () => {
  aws = await startKinesisEmulator();
  await aws.createStream(1, 'cognito-sync-prod');
  failures = await mkdtemp(join(inject('runFolder'), 'failures-'));
  databaseUrl = await createPostgresDatabase();
  service = await startFunctionCloud({
    databaseUrl,
    env: {
      AWS_ENDPOINT_URL_KINESIS: aws.endpoint,
      SERVICE_KEYS: JSON.stringify({
        developers: [KEYS],
        tokenKeys: [Buffer.alloc(32, 5).toString('base64')],
      }),
    },
  });
  await service.reset();
}, 60_000);
beforeEach(() => {
  // The SDK reads AWS credentials only from the environment of the process, not from the argument of `operate`.
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'operator');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
});
afterAll(async () => {
  await service.close();
  await aws.close();
});

describe('the commands on a service in AWS', () => {
  const run = (args: readonly string[], keys = KEYS) =>
    operate([...args, '--pool', POOL], {
      DATABASE_URL: databaseUrl,
      FAILURE_DESTINATION: failures,
      AWS_REGION: region,
      AWS_ENDPOINT_URL: aws.endpoint,
      AWS_ENDPOINT_URL_COGNITO_SYNC: service.url,
      AWS_ACCESS_KEY_ID: 'operator',
      AWS_SECRET_ACCESS_KEY: 'secret',
      SERVICE_KEYS: JSON.stringify({ developers: [keys] }),
    });

  it('connect a pool to a stream of the account, without a role', async () => {
    expect(await run(['connect', '--stream', 'cognito-sync-prod', '--yes'])).toMatchObject({
      stderr: '',
      code: 0,
      stdout: expect.stringContaining('ENABLED on cognito-sync-prod'),
    });
  });

  it('start and watch a bulk publish at the service, whose stream is in AWS', async () => {
    expect(await run(['bulk-publish', 'start'])).toMatchObject({ stderr: '', code: 0 });
    expect(await run(['status', '--json'])).toMatchObject({
      stderr: '',
      stdout: expect.stringContaining('cognito-sync-prod'),
    });
    // The function `run-bulk-publish` does not run in this test, so the bulk publish makes no progress.
    expect(await run(['bulk-publish', 'watch', '--timeout', '1'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not projected after 1 s'),
    });
  });

  it('name the URL of the service in the error if the service rejects the keys in SERVICE_KEYS', async () => {
    const other = { accessKeyId: 'other', secretAccessKey: 'other' };
    expect(await run(['bulk-publish', 'start'], other)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(service.url),
    });
  });
});
