import { createSecretReader } from '../../lib/aws/secret-reader.ts';
import type { DataDirectory } from '../../lib/database/data-directory.ts';
import { openForOperator } from '../../lib/database/open-for-operator.ts';
import type { CommandDeps } from '../cli/command.ts';
import { openOperatorSocket } from './operator-socket.ts';
import type { Resources } from './resources.ts';

/** What the commands of the operator need from this process. */
export interface OperatorDeps extends Omit<CommandDeps, 'print' | 'write' | 'progress' | 'signal' | 'now'> {
  databaseUrl: string | undefined;
}

/**
 * Opens the operator socket. If the database is a server, the operator's commands use their own connections, on
 * which statements can take hours.
 */
export async function listenForOperator(
  { databaseUrl, database, projection, ...more }: OperatorDeps,
  { operatorSocket }: DataDirectory,
  started: Resources,
): Promise<void> {
  const own =
    databaseUrl === undefined
      ? undefined
      : openForOperator({ kind: 'postgresql', url: databaseUrl }, createSecretReader);
  started.defer(async () => own?.close());
  const listening = await openOperatorSocket({
    path: operatorSocket,
    deps: {
      ...more,
      database: own?.database ?? database,
      projection: own?.projection ?? projection,
      now: Date.now,
    },
  });
  started.defer(() => listening.close());
}
