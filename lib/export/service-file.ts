import { SetupError } from '../common/errors.ts';
import { isObject } from '../common/json.ts';

/** The values of a row of the service's tables, by column. */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

/** What one line of an export of the service contains. */
export type ServiceItem =
  /**
   * A dataset. Lines with its records follow. `again`: the dataset was changed during the export; these lines replace
   * the earlier lines of the dataset. `copyOf`: if a merge created the dataset as a copy, the id of the dataset whose
   * listing names the copy.
   */
  | { type: 'dataset'; row: Row; copyOf: string | null; again?: true }
  | { type: 'record'; row: Row }
  /** An identity with all its logins. `again`: as for a dataset. */
  | { type: 'identity'; row: Row; logins: readonly Row[]; again?: true }
  | { type: 'row'; table: string; row: Row };

/** The files of a data directory that a backup contains. They are secret. */
export interface BackupFiles {
  /** The key in `DATA_DIR/token-key`, in base64; null if the service has its keys from SERVICE_KEYS. */
  tokenKey: string | null;
  /** How far the streams of migrations' origins were read (checkpoints): the contents of the files by file name. */
  checkpoints: Readonly<Record<string, string>>;
}

/** The first line of an export of the service. */
export interface ServiceHeader {
  exportId: string;
  /** Epoch milliseconds. */
  startedAt: number;
  /** Null if the file is an export, not a backup. */
  files: BackupFiles | null;
}

const FORMAT = 'cognito-sync-backend-service';

/** The version of the file format. It is raised when older versions cannot read what a newer version writes. */
const VERSION = 1;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function headerLine({
  exportId,
  startedAt,
  files = null,
}: Omit<ServiceHeader, 'files'> & Partial<ServiceHeader>): string {
  const backup = files === null ? {} : { files };
  return `${JSON.stringify({ type: 'header', format: FORMAT, version: VERSION, exportId, startedAt, ...backup })}\n`;
}

/** @param sha256 the hash of all lines before this one, in hexadecimal */
export function endLine(sha256: string): string {
  return `${JSON.stringify({ type: 'end', sha256 })}\n`;
}

/** The kind of file that a command reads, as its messages name it. */
export interface FileKind {
  name: 'a backup' | 'an export of a service';
  /** The command that creates such files. */
  command: 'backup' | 'export --service';
}

export const BACKUP_FILE: FileKind = { name: 'a backup', command: 'backup' };
export const EXPORT_FILE: FileKind = { name: 'an export of a service', command: 'export --service' };

/**
 * @param kind the kind of file that the operator should use
 * @throws {SetupError} the line is not the header of an export that this version can read
 */
export function readHeader(
  line: Readonly<Record<string, unknown>> | null,
  { name, command }: FileKind,
): ServiceHeader {
  if (line?.type !== 'header' || line.format !== FORMAT) {
    throw new SetupError(`the file is not ${name}; create one with \`${command}\``);
  }
  if (line.version !== VERSION) {
    throw new SetupError(
      `the file has version ${JSON.stringify(line.version)}, but this program reads only version ${VERSION}; import it with the version of cognito-sync-backend that exported it`,
    );
  }
  const { exportId, startedAt } = line;
  if (typeof exportId !== 'string' || !UUID.test(exportId) || !Number.isSafeInteger(startedAt)) {
    throw new SetupError('the first line of the file is invalid; export the service again');
  }
  return { exportId, startedAt: Number(startedAt), files: readFiles(line.files) };
}

/** The names are used as file names, so they must not contain the path of another directory. */
const CHECKPOINTS_NAME = /^[\w-][\w.-]*\.checkpoints\.json$/;
const TOKEN_KEY = /^[A-Za-z0-9+/]{43}=$/;

function readFiles(given: unknown): BackupFiles | null {
  if (given === undefined) return null;
  const { tokenKey, checkpoints } = isObject(given) ? given : {};
  const isKey = tokenKey === null || (typeof tokenKey === 'string' && TOKEN_KEY.test(tokenKey));
  if (!isKey || !isObject(checkpoints)) throw new SetupError(DAMAGED);
  const contents: Record<string, string> = {};
  for (const [name, content] of Object.entries(checkpoints)) {
    if (!CHECKPOINTS_NAME.test(name) || typeof content !== 'string') throw new SetupError(DAMAGED);
    contents[name] = content;
  }
  return { tokenKey, checkpoints: contents };
}

const DAMAGED = 'the first line of the file is invalid; use another backup, or create one with `backup`';

/** Parses a line. @returns null if it is not a JSON object */
export function parseLine(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
