import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';
import { readMigrations } from '../../../lib/database/schema/read-migrations.ts';

const READ_MIGRATIONS = fileURLToPath(
  new URL('../../../lib/database/schema/read-migrations.ts', import.meta.url),
);

/** Has esbuild put the migrations themselves where a module imports what reads them: a bundle has no directory. */
export const bundleMigrations: Plugin = {
  name: 'migrations',
  setup({ onLoad }) {
    onLoad({ filter: /read-migrations\.ts$/ }, async ({ path }) => {
      if (path !== READ_MIGRATIONS) return undefined;
      const migrations = JSON.stringify(await readMigrations());
      return { contents: `export const readMigrations = async () => ${migrations};`, loader: 'js' };
    });
  },
};
