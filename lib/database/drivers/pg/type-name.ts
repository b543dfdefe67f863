import pg from 'pg';

const NAMES = new Map<number, string>([
  ...Object.entries(pg.types.builtins).map(([name, oid]): [number, string] => [oid, name.toLowerCase()]),
  // Source: PostgreSQL, src/include/catalog/pg_type.dat.
  [19, 'name'],
  [1005, 'int2[]'],
  [1007, 'int4[]'],
  [1009, 'text[]'],
  [1016, 'int8[]'],
  [1231, 'numeric[]'],
  [2951, 'uuid[]'],
]);

/** Returns the name of a type, such as `int8` or `timestamptz`; `other` for a type that is not built in. */
export function typeName(oid: number): string {
  return NAMES.get(oid) ?? 'other';
}
