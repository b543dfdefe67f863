import { isObject } from '../../common/json.ts';
import { isStorable } from '../../common/text.ts';
import { datasetId, identityIdHash, identityRowId, recordId } from '../../database/row-ids.ts';
import { type ColumnType, columnsOf, type TableRow, type TableShape } from '../../database/table-shape.ts';
import { MAX_LOGINS } from '../../identity/link-logins.ts';
import { IDENTITIES, LOGINS } from '../../identity/store/exported-tables.ts';
import { loginId } from '../../identity/store/login-id.ts';
import {
  DATASETS,
  DELETED_IDENTITIES,
  IDENTITY_POOLS,
  PENDING_MERGES,
  RECORDS,
} from '../../sync/store/exported-tables.ts';
import type { CheckedItem } from '../ports/import-target.ts';
import type { ServiceItem } from '../service-file.ts';
import { SINGLE_ROWS } from './service-tables.ts';

const SHAPES = new Map(SINGLE_ROWS.map((shape) => [shape.name, shape]));

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Checks a line of an export; implements `ImportTarget.check`. */
export function checkItem(line: Readonly<Record<string, unknown>>): CheckedItem | null {
  switch (line.type) {
    case 'dataset':
      return checkDataset(line);
    case 'record': {
      const row = checkRow(RECORDS, line.row);
      if (row?.record_id !== recordId(String(row?.record_key))) return null;
      return describe({ type: 'record', row }, RECORDS);
    }
    case 'identity':
      return checkIdentity(line);
    case 'row': {
      const shape = SHAPES.get(String(line.table));
      const row = shape && checkRow(shape, line.row);
      return row && hasDerivedId(shape, row)
        ? describe({ type: 'row', table: shape.name, row }, shape)
        : null;
    }
    default:
      return null;
  }
}

function checkDataset({ row: given, copyOf, again }: Readonly<Record<string, unknown>>): CheckedItem | null {
  const row = checkRow(DATASETS, given);
  if (row === null || !isOf('uuid?', copyOf)) return null;
  const { identityPoolId, identityId } = identityOf(row);
  const id = datasetId({ identityPoolId, identityId, datasetName: String(row.dataset_name) });
  if (row.dataset_id !== id) return null;
  const item: ServiceItem = { type: 'dataset', row, copyOf: copyOf === null ? null : String(copyOf) };
  return describe(again === true ? { ...item, again } : item, DATASETS);
}

function checkIdentity({ row: given, logins, again }: Readonly<Record<string, unknown>>): CheckedItem | null {
  const row = checkRow(IDENTITIES, given);
  if (row === null || !Array.isArray(logins)) return null;
  const checked = logins
    .map((login) => checkRow(LOGINS, login))
    .filter((login) => login !== null)
    .filter((login) => isLoginOf(row, login));
  if (checked.length < logins.length) return null;
  const item: ServiceItem = { type: 'identity', row, logins: checked };
  const { keys, ...described } = describe(again === true ? { ...item, again } : item, IDENTITIES);
  return {
    ...described,
    keys: [...keys, ...checked.map((login) => keyOf(LOGINS, login))],
    // The import also deletes the logins that an earlier line of the identity wrote.
    rows: 1 + checked.length + (again === true ? MAX_LOGINS : 0),
  };
}

/**
 * Returns whether an id that must be derived from other columns matches these columns. With a wrong id, a line could
 * overwrite a row of another identity or pool.
 */
function hasDerivedId(shape: TableShape, row: TableRow): boolean {
  if (shape === PENDING_MERGES) return row.identity_row_id === identityRowId(identityOf(row));
  // Once all data of a deleted identity is removed, the row about its deletion contains only the hash of its id.
  if (shape === DELETED_IDENTITIES && row.identity_id !== null)
    return row.id_hash === identityIdHash(String(row.identity_id));
  return true;
}

function isLoginOf(identity: TableRow, login: TableRow): boolean {
  const id = loginId(String(identity.identity_pool_id), {
    provider: String(login.provider),
    userId: String(login.user_id),
  });
  return (
    login.login_id === id &&
    login.identity_id === identity.identity_id &&
    login.identity_pool_id === identity.identity_pool_id
  );
}

const identityOf = ({ identity_pool_id, identity_id }: TableRow) => ({
  identityPoolId: String(identity_pool_id),
  identityId: String(identity_id),
});

function describe(item: ServiceItem, shape: TableShape): CheckedItem {
  const { identity_pool_id: pool, identity_id: identity, id_hash: hash } = item.row;
  const isMark = shape === DELETED_IDENTITIES;
  return {
    item,
    keys: [keyOf(shape, item.row)],
    // A dataset can also write a row that marks it as a merged copy, and a row for its identity.
    rows: shape === DATASETS ? 3 : 1,
    identityPoolId: typeof pool === 'string' ? pool : null,
    isPool: shape === IDENTITY_POOLS,
    identityHash: typeof identity === 'string' && !isMark ? identityIdHash(identity) : null,
    deletedHash: isMark ? String(hash) : null,
  };
}

const keyOf = ({ name, key }: TableShape, row: TableRow) =>
  [name, ...key.map((column) => row[column])].join(' ');

/** A missing column must allow NULL: it was added to the table after the export. */
function checkRow(shape: TableShape, given: unknown): TableRow | null {
  if (!isObject(given) || Object.keys(given).some((column) => !Object.hasOwn(shape.columns, column)))
    return null;
  const row: Record<string, string | number | boolean | null> = {};
  for (const column of columnsOf(shape)) {
    const value = given[column] ?? null;
    const type = shape.columns[column];
    if (type === undefined || !isOf(type, value)) return null;
    row[column] = value;
  }
  return row;
}

function isOf(type: ColumnType, value: unknown): value is string | number | boolean | null {
  if (value === null) return type.endsWith('?');
  if (typeof value === 'string') {
    return type.startsWith('uuid') ? UUID.test(value) : type.startsWith('text') && isStorable(value);
  }
  if (typeof value === 'number') return type.startsWith('bigint') && Number.isSafeInteger(value);
  return typeof value === 'boolean' && type.startsWith('boolean');
}
