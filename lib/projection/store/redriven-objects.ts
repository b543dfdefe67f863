import { plainArray } from '../../database/array-literal.ts';
import type { Database } from '../../database/database.ts';
import { hashedUuid } from '../../database/row-ids.ts';
import type { RedrivenObjects } from '../ports/redriven-objects.ts';

const KEEP = `
INSERT INTO projection.redriven_objects (object_id, redriven_ms)
VALUES ($1, $2)
ON CONFLICT (object_id) DO NOTHING`;

const AMONG = `
SELECT object_id FROM projection.redriven_objects WHERE object_id = ANY ($1::uuid[])`;

/** Creates the store of redriven objects on any `Database`. */
export function createRedrivenObjects(database: Database): RedrivenObjects {
  return {
    async keep(name, redrivenAt) {
      await database.query(KEEP, [hashedUuid(name), redrivenAt]);
    },

    async among(names) {
      const byId = new Map(names.map((name) => [hashedUuid(name), name]));
      const { rows } = await database.query<{ object_id: string }>(AMONG, [plainArray([...byId.keys()])]);
      const redriven = new Set(rows.map((row) => row.object_id));
      return new Set(names.filter((name) => redriven.has(hashedUuid(name))));
    },
  };
}
