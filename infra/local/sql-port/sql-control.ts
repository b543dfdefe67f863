/**
 * A statement that changes only the session, such as BEGIN or SET. The SQL port keeps no session, so it does not run
 * the statement and only sends the response of a server.
 */
export interface ControlStatement {
  /** The command tag that a server would return. */
  tag: string;
  /** The prepared statements that this statement deallocates. */
  forgets?: 'all' | { name: string };
}

const TAGS = new Map([
  ['BEGIN', 'BEGIN'],
  ['START TRANSACTION', 'START TRANSACTION'],
  ['COMMIT', 'COMMIT'],
  ['END', 'COMMIT'],
  ['ROLLBACK', 'ROLLBACK'],
  ['ABORT', 'ROLLBACK'],
  ['SAVEPOINT', 'SAVEPOINT'],
  ['RELEASE', 'RELEASE'],
  ['SET', 'SET'],
  ['RESET', 'RESET'],
  ['DISCARD', 'DISCARD ALL'],
  ['DEALLOCATE', 'DEALLOCATE'],
  ['LISTEN', 'LISTEN'],
  ['UNLISTEN', 'UNLISTEN'],
]);

/**
 * Maximum length of a control statement. A longer text is not checked, because finding the end of the statement can
 * take quadratic time.
 */
const MAX_CONTROL_LENGTH = 10_000;

/**
 * Recognizes BEGIN, COMMIT, SET and similar statements by their first keyword.
 * @returns undefined for any other statement, and for a text with more than one statement
 */
export function controlStatement(sql: string): ControlStatement | undefined {
  const statement = sql.slice(skipBlank(sql, 0));
  const [first = '', second = ''] = words(statement);
  const tag = TAGS.get(first === 'START' ? `${first} ${second}` : first);
  if (tag === undefined || !isSingleStatement(statement)) return undefined;
  if (first === 'DISCARD' && second === 'ALL') return { tag, forgets: 'all' };
  if (first === 'DEALLOCATE') return deallocate(statement);
  return { tag };
}

/** Returns the first two words in upper case. */
function words(statement: string): string[] {
  const first = wordAt(statement, 0);
  return [first, wordAt(statement, skipBlank(statement, first.length))].map((word) => word.toUpperCase());
}

function wordAt(sql: string, at: number): string {
  return matchAt(/[\w$\u0080-\uffff]*/y, sql, at);
}

function deallocate(statement: string): ControlStatement {
  const named = /^\w+\s+(?:prepare\s+)?(?:"((?:[^"]|"")+)"|([\w$\u0080-\uffff]+))/i.exec(statement);
  const [, quoted, plain = ''] = named ?? [];
  if (quoted !== undefined) return { tag: 'DEALLOCATE', forgets: { name: quoted.replaceAll('""', '"') } };
  if (plain.toUpperCase() === 'ALL') return { tag: 'DEALLOCATE ALL', forgets: 'all' };
  // PostgreSQL folds unquoted names to lower case.
  return { tag: 'DEALLOCATE', forgets: { name: plain.toLowerCase() } };
}

/** Returns whether only white space, comments and semicolons follow the statement. */
function isSingleStatement(statement: string): boolean {
  if (statement.length > MAX_CONTROL_LENGTH) return false;
  // The alternatives are: escape string, string, quoted identifier, dollar-quoted string, word, any other character.
  const token =
    /[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([A-Za-z_]\w*)?\$.*?\$\1\$|[\w$\u0080-\uffff]+|./sy;
  let ended = false;
  for (let at = 0; at < statement.length; at = skipBlank(statement, at)) {
    const found = matchAt(token, statement, at);
    if (ended && found !== ';') return false;
    ended ||= found === ';';
    at += found.length;
  }
  return true;
}

/** Skips white space and comments and returns the next position. Block comments nest in PostgreSQL. */
function skipBlank(sql: string, from: number): number {
  let at = from;
  for (;;) {
    const blank = matchAt(/[ \t\n\r\f\v]+|--[^\n\r]*/y, sql, at) || nestedComment(sql, at);
    if (blank === '') return at;
    at += blank.length;
  }
}

function nestedComment(sql: string, from: number): string {
  if (!sql.startsWith('/*', from)) return '';
  const mark = /\/\*|\*\//g;
  mark.lastIndex = from;
  let depth = 0;
  for (let found = mark.exec(sql); found !== null; found = mark.exec(sql)) {
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return sql.slice(from, mark.lastIndex);
  }
  return sql.slice(from);
}

function matchAt(pattern: RegExp, sql: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(sql)?.[0] ?? '';
}
