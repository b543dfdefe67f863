import { plainArray } from './array-literal.ts';
import type { Database } from './database.ts';
import { failureObjectId } from './row-ids.ts';

/** Objects of a failure destination that were projected since. They themselves stay where they are. */
export interface RedrivenObjects {
  /** Once more changes nothing. @param redrivenAt epoch milliseconds */
  keep(name: string, redrivenAt: number): Promise<void>;
  /** Those of the names that were kept. */
  among(names: readonly string[]): Promise<Set<string>>;
}

const KEEP = `
INSERT INTO projection.redriven_objects (object_id, redriven_ms)
VALUES ($1, $2)
ON CONFLICT (object_id) DO NOTHING`;

const AMONG = `
SELECT object_id FROM projection.redriven_objects WHERE object_id = ANY ($1::uuid[])`;

/** Which objects were redriven, in SQL, on any `Database`. */
export function createRedrivenObjects(database: Database): RedrivenObjects {
  return {
    async keep(name, redrivenAt) {
      await database.query(KEEP, [failureObjectId(name), redrivenAt]);
    },

    async among(names) {
      const byId = new Map(names.map((name) => [failureObjectId(name), name]));
      const { rows } = await database.query<{ object_id: string }>(AMONG, [plainArray([...byId.keys()])]);
      const redriven = new Set(rows.map((row) => row.object_id));
      return new Set(names.filter((name) => redriven.has(failureObjectId(name))));
    },
  };
}
