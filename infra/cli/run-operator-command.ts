import type { DatabaseAddress } from '../../lib/database/database-address.ts';
import type { CommandDeps, Confirm } from './command.ts';
import { ALL_COMMANDS } from './commands.ts';
import { DONE, fromAnywhere, type Outcome, outcomeOf, prepareCommand, questionOf } from './run-command.ts';
import { runOnDirectory } from './run-on-directory.ts';

export interface OperatorOptions {
  /** Address of a database server; undefined for the embedded database in `dataDir`. */
  address: DatabaseAddress | undefined;
  dataDir: string;
  /** Asks the operator to confirm a command. */
  confirm: Confirm;
  /** The dependencies of the command, except the database. */
  deps: Omit<CommandDeps, 'database' | 'projection' | 'queries'>;
}

/** Runs a command, given as its name and arguments, on its database. @throws an error that the operator cannot fix */
export function runOperatorCommand(
  commandLine: readonly string[],
  { address, dataDir, confirm, deps }: OperatorOptions,
): Promise<Outcome> {
  return outcomeOf(async () => {
    const work = await prepareCommand(commandLine, ALL_COMMANDS);
    const question = await questionOf(commandLine);
    if (question !== undefined) await confirm(question);
    if (address === undefined) {
      const forCloud = await fromAnywhere(commandLine, process.cwd());
      return runOnDirectory({ work, commandLine: forCloud, dataDir, deps });
    }
    // Loaded on use: if a local cloud runs the command, this process needs no database driver and no AWS client.
    const [{ openForOperator, requireTables }, { createSecretReader }] = await Promise.all([
      import('../../lib/database/open-for-operator.ts'),
      import('../../lib/aws/secret-reader.ts'),
    ]);
    const { close, ...databases } = openForOperator(address, createSecretReader);
    try {
      await requireTables(databases.database, address);
      await work({ ...deps, ...databases });
      return DONE;
    } finally {
      await close();
    }
  });
}
