import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../../../lib/common/errors.ts';
import type { Database } from '../../../lib/database/database.ts';
import type { Device } from './demo-device.ts';

interface DemoDeps {
  phone: Device;
  tablet: Device;
  identityId: string;
  /** Whether the demo leaves out its last step, which deletes the data. */
  keepsData: boolean;
  /** Gives access to the query store. */
  database: Pick<Database, 'query'>;
  print: (line: string) => void;
}

const PROJECTED_WITHIN_MS = 10_000;
const RECORDS = `
SELECT record_key AS key, record_value AS value FROM query.records
WHERE identity_id = $1 AND dataset_name = 'savegame' ORDER BY record_key`;

/**
 * Runs the demo. Two devices edit one dataset, and cause and resolve a conflict. Then one device removes a record, and
 * the other device deletes the dataset. After each step, the demo prints what the device did and which rows SQL
 * returns.
 *
 * @throws {SetupError} the expected rows did not appear in time
 */
export async function runDemo({
  phone,
  tablet,
  identityId,
  keepsData,
  database,
  print,
}: DemoDeps): Promise<void> {
  const asked = { identityId, database, print };
  print(`Two devices of ${identityId} share the dataset savegame.\n`);

  print('1. The phone writes level 1 and a name.');
  await phone.push({ level: '1', name: 'Ada' });
  await showWhen(asked, 'level=1 name=Ada');

  print('2. The tablet fetches both and writes level 2.');
  await tablet.pull();
  print(`   tablet: ${textOf(tablet.records())}`);
  await tablet.push({ level: '2' });
  await showWhen(asked, 'level=2 name=Ada');

  print('3. The phone has not fetched level 2. It writes level 5, and the service rejects the write.');
  const refused = await phone.push({ level: '5' });
  print(
    `   409 ${refused === 'stored' ? 'was expected, but the service accepted the write' : refused.conflict}`,
  );

  print('4. The phone fetches, sees level 2, keeps its own higher level 5 and writes it again.');
  await phone.pull();
  print(`   phone:  ${textOf(phone.records())}`);
  await phone.push({ level: '5' });
  await showWhen(asked, 'level=5 name=Ada');

  print('5. The tablet removes the name.');
  await tablet.pull();
  await tablet.push({ name: null });
  await showWhen(asked, 'level=5');

  if (keepsData) {
    print(`The data of ${identityId} stays (--keep).\n`);
  } else {
    print('6. The phone deletes the dataset.');
    await phone.deleteDataset();
    await showWhen(asked, '(nothing)');
  }

  print('Done. Next steps:');
  print(
    '  connect with psql to the SQL address that the service printed, and run: select * from query.datasets',
  );
  print('  read docs/query.md for what else you can query');
  print('  read README.md for similar steps with the AWS CLI');
}

/** Waits until SQL returns the rows that this step must produce, and prints them. */
async function showWhen(
  { identityId, database, print }: Pick<DemoDeps, 'identityId' | 'database' | 'print'>,
  expected: string,
): Promise<void> {
  const start = Date.now();
  for (;;) {
    const { rows } = await database.query<{ key: string; value: string }>(RECORDS, [identityId]);
    const found = textOf(new Map(rows.map(({ key, value }) => [key, value])));
    if (found === expected) {
      print(`   SQL:    ${found}  (${Date.now() - start} ms later)\n`);
      return;
    }
    if (Date.now() - start > PROJECTED_WITHIN_MS) {
      throw new SetupError(
        `expected ${expected} in SQL within ${PROJECTED_WITHIN_MS} ms, but found ${found}; check /healthz of the local cloud`,
      );
    }
    await sleep(20);
  }
}

function textOf(records: ReadonlyMap<string, string>): string {
  return (
    Array.from(records, ([key, value]) => `${key}=${value}`)
      .sort()
      .join(' ') || '(nothing)'
  );
}
