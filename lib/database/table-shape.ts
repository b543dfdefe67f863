/** The type of a column. A type that ends in `?` allows NULL. */
export type ColumnType = `${'text' | 'uuid' | 'bigint' | 'boolean'}${'' | '?'}`;

/** The columns of a table that an export of the service contains. */
export interface TableShape {
  /** The name with its schema. */
  name: string;
  /** The columns of the primary key. */
  key: readonly string[];
  columns: Readonly<Record<string, ColumnType>>;
}

/** A row of such a table, by column. */
export type TableRow = Readonly<Record<string, string | number | boolean | null>>;

/** How much one page of an export reads. */
export interface PageLimits {
  /** Maximum number of items in a page. */
  page: number;
  /** Maximum number of rows that one query reads to find these items. */
  window: number;
}

export const columnsOf = ({ columns }: TableShape): string[] => Object.keys(columns);

const sqlTypeOf = ({ columns }: TableShape, column: string): string =>
  (columns[column] ?? 'text').replace('?', '');

/**
 * Returns the statement that reads a page of a table in the order of its key. Parameters: the key after which the page
 * starts, if `isFirst` is false, and then the maximum number of rows.
 */
export function pageStatement(shape: TableShape, isFirst: boolean): string {
  const key = shape.key.join(', ');
  const after = shape.key.map((column, index) => `$${index + 1}::${sqlTypeOf(shape, column)}`).join(', ');
  const condition = isFirst ? '' : ` WHERE (${key}) > (${after})`;
  const limit = isFirst ? 1 : shape.key.length + 1;
  return `SELECT ${columnsOf(shape).join(', ')} FROM ${shape.name}${condition} ORDER BY ${key} LIMIT $${limit}::bigint`;
}

/**
 * Returns the statement that writes rows. The statement skips a row whose key belongs to another pool in this database.
 * Each parameter is an array with the values of one column.
 */
export function upsertStatement(shape: TableShape): string {
  const columns = columnsOf(shape);
  const arrays = columns.map((column, index) => `$${index + 1}::${sqlTypeOf(shape, column)}[]`);
  const changed = columns.filter((column) => !shape.key.includes(column));
  const update = changed.map((column) => `${column} = excluded.${column}`).join(', ');
  const names = columns.join(', ');
  const isPoolFixed = shape.columns.identity_pool_id === 'text' && !shape.key.includes('identity_pool_id');
  const sameKey = shape.key.map((column) => `stored.${column} = given.${column}`).join(' AND ');
  return [
    `INSERT INTO ${shape.name} (${names})`,
    `SELECT ${names} FROM unnest(${arrays.join(', ')}) AS given (${names})`,
    ...(isPoolFixed
      ? [
          `WHERE NOT EXISTS (SELECT 1 FROM ${shape.name} AS stored WHERE ${sameKey} AND stored.identity_pool_id <> given.identity_pool_id)`,
        ]
      : []),
    `ON CONFLICT (${shape.key.join(', ')}) DO ${changed.length > 0 ? `UPDATE SET ${update}` : 'NOTHING'}`,
  ].join('\n');
}
